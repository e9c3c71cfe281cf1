"""Who goes first where many want to commit: each script one atomic step."""

from __future__ import annotations

_BEGIN = """
local QUEUE, ASKED, segment = P .. 'queue', P .. 'asked', ARGV[3]
local function leave(one)
    call('ZREM', QUEUE, one)
    call('ZREM', ASKED, one)
end
"""

# segment, '1' if it asks for the right of way, for how many seconds: how many have it before
AHEAD = f"""{_BEGIN}
local time, seconds = now(), tonumber(ARGV[5])
local function pass_over(from, to)
    for _, one in ipairs(call('ZRANGEBYSCORE', ASKED, from, to)) do leave(one) end
end
pass_over('-inf', '(' .. time - seconds)
pass_over('(' .. time + seconds, '+inf')
if ARGV[4] == '1' then
    local last = call('ZRANGE', QUEUE, -1, -1, 'WITHSCORES')[2] or '0'
    call('ZADD', QUEUE, 'NX', last + 1, segment)
    call('ZADD', ASKED, time, segment)
end
return call('ZRANK', QUEUE, segment) or call('ZCARD', QUEUE)
"""

# segment
THROUGH = f"{_BEGIN} leave(segment)"
