"""What is done to searches for ids: each script one atomic step."""

from __future__ import annotations

# worker, place, lease seconds, '1' if a search is due: who searches
SEARCH = """
local worker, place, seconds, due = ARGV[3], ARGV[4], ARGV[5], ARGV[6] == '1'
local SEARCHES, SEEKERS = P .. 'searches', P .. 'seekers:' .. place

local function any_lives()
    local any = false
    for _, name in ipairs(call('SMEMBERS', SEEKERS)) do
        if lives(name, seconds) then any = true else call('SREM', SEEKERS, name) end
    end
    return any
end

call('ZADD', P .. 'workers', now(), worker)
local holder = call('HGET', SEARCHES, place)
if holder and not lives(holder, seconds) or not holder and due and not any_lives() then
    holder = worker
    call('HSET', SEARCHES, place, worker)
end
if holder or due then call('SADD', SEEKERS, worker) end
return holder
"""

# lease seconds: the places of searches that are not over, each with its worker, or '': whoever asks next
SEARCHES = """
local found = call('HGETALL', P .. 'searches')
for i = 2, #found, 2 do
    if not lives(found[i], ARGV[3]) then found[i] = '' end
end
return found
"""

# worker, place, '1' if the search is over
SEARCHED = """
local SEARCHES, place = P .. 'searches', ARGV[4]
if call('HGET', SEARCHES, place) ~= ARGV[3] then return end
if ARGV[5] == '1' then call('HDEL', SEARCHES, place) else call('HSET', SEARCHES, place, '') end
"""
