"""Who waits for an answer and whose turn is next: a register in Redis that all api processes and all workers share.

Accounts take turns, and within an account the oldest letter comes first, so that one account's burst delays others by one letter each.
A letter is refused at once where waiting for it would be in vain: where the letters would take up too much of Redis's memory, or where
the workers, at the pace of late, would not come to it in time. An entry lives no longer than its letter by Redis's own clock, so what
a killed process leaves behind ends by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from redis import Redis

WAITING, TAKEN = "reelsight:letters:waiting", "reelsight:letters:taken"
NUMBERS, TURNS = "reelsight:letters:numbers", "reelsight:letters:turns"
LETTER = "reelsight:letter:"
CLAIM = "reelsight:claim:"
HELD = "reelsight:held:"
HOLD_S = 5.0
"""A worker that answers a letter says so this often at least; past it, it has ended."""
MESSAGES, MOST_MESSAGES = "images", 10_000
"""The queue's own list, newest first, and how many it may have: without workers nobody takes them, long after their letters are gone."""
TURNS_S = 3600
"""Past it, nobody remembers whose turn it was."""
RESERVE = 0.25
"""Of all room, what no single account may take up: with it, others always find some."""
PACE = 16
"""Answers over which the pace is a moving mean."""

How = Literal["turn", "again", "redelivered"]
"""Why a worker asks: it is somebody's turn; the caller has waited long; the broker tells that another worker ended."""

_ENTER = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local exact = function(moment) return string.format('%.0f', moment) end
local bytes, own_bytes, queued = 0, 0, {}
for place = 1, 2 do
  redis.call('ZREMRANGEBYSCORE', KEYS[place], '-inf', exact(now))
  for _, letter in ipairs(redis.call('ZRANGE', KEYS[place], 0, -1)) do
    local account, size = string.match(letter, '^([^:]*):(%d+):')
    bytes = bytes + size
    if account == ARGV[2] then own_bytes = own_bytes + size end
    if place == 1 then queued[account] = (queued[account] or 0) + 1 end
  end
end
local own = queued[ARGV[2]] or 0
local ahead = own
for account, count in pairs(queued) do
  if account ~= ARGV[2] then ahead = ahead + math.min(count, own + 1) end
end
local pace = tonumber(redis.call('HGET', KEYS[3], 'pace_s') or 0)
local wait = ahead * pace / math.max(1, redis.call('ZCARD', KEYS[2]))
local verdict = 'entered'
if wait * 1000000 >= tonumber(ARGV[4]) then
  verdict = 'slow'
elseif bytes + ARGV[3] > tonumber(ARGV[5]) or own_bytes + ARGV[3] > tonumber(ARGV[6]) then
  verdict = 'full'
else
  redis.call('ZADD', KEYS[1], exact(now + ARGV[4]), ARGV[1])
end
if verdict ~= 'entered' then redis.call('HINCRBY', KEYS[3], 'refused', 1) end
if redis.call('LLEN', KEYS[4]) > tonumber(ARGV[7]) then redis.call('LTRIM', KEYS[4], 0, ARGV[7] - 1) end
return {verdict, ahead, bytes, tostring(wait)}
"""

_TAKE = """
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
local lies = function(letter) return redis.call('HEXISTS', KEYS[5] .. letter, 'body') == 1 end
local found = false
if ARGV[2] == 'redelivered' then found = redis.call('GET', KEYS[4]) end
if ARGV[2] == 'again' then found = ARGV[1] end
if found then
  if not lies(found) then return false end
else
  local seen, least = {}, nil
  for _, letter in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], now, '+inf')) do
    local account = string.match(letter, '^([^:]*):')
    if not seen[account] and lies(letter) then
      seen[account] = true
      local turn = tonumber(redis.call('HGET', KEYS[3], account) or 0)
      if least == nil or turn < least then found, least = letter, turn end
    end
  end
end
if not found then return false end
local score = redis.call('ZSCORE', KEYS[1], found)
if score then
  redis.call('ZREM', KEYS[1], found)
  redis.call('ZADD', KEYS[2], score, found)
end
local account = string.match(found, '^([^:]*):')
redis.call('HSET', KEYS[3], account, redis.call('HINCRBY', KEYS[3], '', 1))
redis.call('EXPIRE', KEYS[3], ARGV[3])
local attempt = redis.call('HINCRBY', KEYS[5] .. found, 'attempt', 1)
local left = redis.call('PTTL', KEYS[5] .. found)
redis.call('SET', KEYS[4], found, 'PX', math.max(left, 1))
redis.call('SET', KEYS[6] .. found, 1, 'PX', ARGV[4])
return {found, attempt, left}
"""

_ANSWER = """
if redis.call('DEL', KEYS[1]) == 0 then return 0 end
redis.call('RPUSH', KEYS[2], ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[2])
local pace = tonumber(redis.call('HGET', KEYS[3], 'pace_s') or ARGV[3])
redis.call('HSET', KEYS[3], 'pace_s', tostring(pace + (ARGV[3] - pace) / ARGV[5]))
redis.call('HINCRBY', KEYS[3], 'answered', 1)
redis.call('HINCRBYFLOAT', KEYS[3], 'worked_s', ARGV[3])
redis.call('HINCRBYFLOAT', KEYS[3], 'waited_s', ARGV[4])
return 1
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of a letter that wanted to enter.

    Attributes:
        verdict: "slow": it would not be answered in time; "full": there is no room for its bytes.
        ahead: Letters that come before it.
        bytes: Of all letters under way.
        wait_s: How long it would have waited, as far as the pace of late tells.
    """

    verdict: Literal["entered", "slow", "full"]
    ahead: int
    bytes: int
    wait_s: float


@dataclass(frozen=True, slots=True)
class Turn:
    """The letter that a worker is to answer.

    Attributes:
        letter_id: Which.
        attempt: How many workers have been given it, this one included.
        left_s: How long its caller still waits.
    """

    letter_id: str
    attempt: int
    left_s: float


@dataclass(frozen=True, slots=True)
class Fate:
    """What has become of a letter.

    Attributes:
        lies: It is still there.
        attempt: How many workers have taken it.
        abandoned: The one that took it last gives no sign of life.
        unheard: None has taken it, and no message is under way that would make one do so, unless one has just arrived.
    """

    lies: bool
    attempt: int
    abandoned: bool
    unheard: bool


class Turns:
    """The register; safe to use from several threads.

    Args:
        redis: Where it is.
        max_bytes: Most that the letters under way may have together.
    """

    def __init__(self, redis: Redis, max_bytes: int) -> None:
        self._redis = redis
        self._max_bytes = max_bytes
        self._enter = redis.register_script(_ENTER)
        self._take = redis.register_script(_TAKE)
        self._answer = redis.register_script(_ANSWER)

    def enter(self, letter_id: str, account: str, size: int, life_s: float) -> Entry:
        """Registers a letter that is to lie for so long, unless it would be in vain."""
        share = int(self._max_bytes * (1 - RESERVE))
        given: list[str | int] = [letter_id, account, size, int(life_s * 1e6), self._max_bytes, share, MOST_MESSAGES]
        verdict, ahead, held, wait = self._enter([WAITING, TAKEN, NUMBERS, MESSAGES], given)
        return Entry(verdict.decode(), ahead, held, float(wait))

    def take(self, message_id: str, how: How) -> Turn | None:
        """The letter that a worker which was sent this id is to answer; None: there is none."""
        keys = [WAITING, TAKEN, TURNS, CLAIM + message_id, LETTER, HELD]
        found = self._take(keys, (message_id, how, TURNS_S, int(HOLD_S * 1000)))
        return found and Turn(found[0].decode(), found[1], found[2] / 1000)

    def hold(self, letter_id: str) -> None:
        """The worker that took the letter still lives."""
        self._redis.set(HELD + letter_id, 1, px=int(HOLD_S * 1000))

    def fate(self, letter_id: str) -> Fate:
        """What has become of a letter that has no answer yet."""
        with self._redis.pipeline() as pipe:
            pipe.hget(LETTER + letter_id, "attempt")
            pipe.exists(LETTER + letter_id)
            pipe.exists(HELD + letter_id)
            pipe.llen(MESSAGES)
            attempt, lies, held, messages = pipe.execute()
        tries = int(attempt or 0)
        return Fate(bool(lies), tries, abandoned=bool(tries and not held), unheard=not tries and not messages)

    def answer(self, letter_id: str, into: str, answer: bytes, keep_s: int, worked_s: float, waited_s: float) -> bool:
        """Puts the answer into a list and forgets the letter; False: nobody waits for it, and it was dropped."""
        keys = [LETTER + letter_id, into, NUMBERS]
        return bool(self._answer(keys, [answer, keep_s, worked_s, waited_s, PACE]))

    def leave(self, letter_id: str) -> None:
        """Forgets the letter, whatever became of it."""
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.unlink(LETTER + letter_id)
            pipe.zrem(WAITING, letter_id)
            pipe.zrem(TAKEN, letter_id)
            pipe.execute()

    def numbers(self) -> Mapping[str, float]:
        """How the queue is and was: waiting, taken, bytes; answered, refused, waited_s and worked_s in all; pace_s of late; oldest_s: how
        long the oldest has waited.
        """
        seconds, micros = self._redis.time()
        now = seconds * 1_000_000 + micros
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.zrangebyscore(WAITING, now, "+inf", withscores=True)
            pipe.zrangebyscore(TAKEN, now, "+inf")
            pipe.hgetall(NUMBERS)
            queued, taken, totals = pipe.execute()
        waiting = [letter for letter, _ in queued]
        ages = [self._age_s(letter.decode(), (until - now) / 1e6) for letter, until in queued[:1]]
        sizes = [int(letter.split(b":")[1]) for letter in (*waiting, *taken)]
        found: dict[str, Any] = {name.decode(): float(value) for name, value in totals.items()}
        state = {"waiting": len(waiting), "taken": len(taken), "bytes": sum(sizes), "oldest_s": sum(ages)}
        return {**found, **state}

    def _age_s(self, letter_id: str, left_s: float) -> float:
        """How long a letter has lain there that lies for so long yet."""
        life: Any = self._redis.hget(LETTER + letter_id, "life_s")
        return max(0.0, float(life or left_s) - left_s)
