"""Operations on images, answered at once: `ask` on the caller's side, `answer` on the worker's, one module per operation."""
