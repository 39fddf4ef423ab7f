"""Turns among accounts, simulated: nobody waits for ever, whatever others queue, and shares are kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from pipeline.store.turns import Account, after, in_turn

LENGTHS = (1.0, 10.0)
"""Least and most that one turn takes."""
SHARES = (0.5, 4.0)


@dataclass(slots=True)
class Party:
    """An account of the simulation."""

    share: float
    due: float = 0.0
    workers: int = 0


@dataclass(slots=True)
class Register:
    """The turns of some accounts, as the database keeps them."""

    parties: dict[str, Party]
    charged: float = 0.0

    def serve(self, waiting: Sequence[str], length: float) -> str:
        """Who is served."""
        known = [Account(name, p.workers, p.share, p.due) for name in waiting if (p := self.parties[name])]
        name = in_turn(known, self.charged)[0].id
        party = self.parties[name]
        self.charged, party.due = after(party.due, self.charged, length, party.share)
        party.workers += 1
        return name


shares = st.floats(*SHARES)
lengths = st.floats(*LENGTHS)


@given(st.lists(shares, min_size=2, max_size=6), st.integers(1, 4), st.data())
def test_an_account_without_a_worker_is_served_before_long(
    given_shares: list[float], workers: int, data: st.DataObject
) -> None:
    names = [str(number) for number in range(len(given_shares))]
    register = Register({name: Party(share) for name, share in zip(names, given_shares, strict=True)})
    victim, waited = names[0], 0
    bound = len(names) * (ceil(LENGTHS[1] * SHARES[1] / (LENGTHS[0] * SHARES[0])) + 2)
    busy: list[str] = []
    for _ in range(60):
        # The others come and go as they please; the victim always has work.
        others = data.draw(st.lists(st.sampled_from(names[1:]), unique=True))
        served = register.serve([victim, *others], data.draw(lengths))
        busy.append(served)
        waited = 0 if served == victim or register.parties[victim].workers else waited + 1
        assert waited <= bound
        if len(busy) == workers:
            register.parties[busy.pop(data.draw(st.integers(0, len(busy) - 1)))].workers -= 1


@given(st.lists(shares, min_size=2, max_size=5), st.lists(lengths, min_size=40, max_size=80))
def test_one_worker_is_shared_by_the_shares(given_shares: list[float], taken: list[float]) -> None:
    names = [str(number) for number in range(len(given_shares))]
    register = Register({name: Party(share) for name, share in zip(names, given_shares, strict=True)})
    got = dict.fromkeys(names, 0.0)
    for length in taken:
        served = register.serve(names, length)
        register.parties[served].workers = 0
        got[served] += length
        owed = [got[name] / register.parties[name].share for name in names]
        # Source: Goyal et al., theorem 1: no two differ by more than one turn of each.
        assert max(owed) - min(owed) <= 2 * LENGTHS[1] / min(given_shares) + 1e-6


@given(shares, st.integers(1, 50))
def test_an_account_that_was_idle_has_collected_no_credit(share: float, turns: int) -> None:
    register = Register({"busy": Party(share), "idle": Party(share)})
    for _ in range(turns):
        register.serve(["busy"], 1.0)
        register.parties["busy"].workers = 0
    served = []
    for _ in range(10):
        served.append(register.serve(["busy", "idle"], 1.0))
        register.parties[served[-1]].workers = 0
    assert served[0] == "idle"
    assert served.count("idle") <= 6
