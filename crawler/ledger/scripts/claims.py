"""What is done to claims of requisites: each script one atomic step.

A claim stands where the archive's having the URL will: a token of the question that it was an answer to, and
the worker.
"""

from __future__ import annotations

TOKEN = 2  #: bytes, in hex: a question whose answer was lost is asked again, and its claims given again

# worker, token, lease seconds; bucket and tag, as often as wanted: n, and the places among them of those that
# are the worker's now, and of those that others have
CLAIM = f"""
local worker, mine, seconds, wanted = ARGV[3], ARGV[4] .. ARGV[3], ARGV[5], cmsgpack.unpack(ARGV[6])
local known, ours, others = {{}}, {{}}, {{}}

local function goes_on(name)
    if known[name] == nil then known[name] = lives(name, seconds) or false end
    return known[name]
end

call('ZADD', P .. 'workers', now(), worker)
for i = 1, #wanted, 2 do
    local key, tag = P .. 'r:' .. wanted[i], wanted[i + 1]
    local claim = call('HGET', key, tag)
    local holder = claim and claim:sub({2 * TOKEN + 1})
    if not claim or claim == mine or holder ~= '' and not goes_on(holder) then
        call('HSET', key, tag, mine)
        ours[#ours + 1] = (i - 1) / 2
    elseif holder ~= '' and holder ~= worker then
        others[#others + 1] = (i - 1) / 2
    end
end
return {{tonumber(call('HGET', META, 'n') or '0'), ours, others}}
"""

# worker; bucket and tag, as often as wanted
UNCLAIM = f"""
local wanted = cmsgpack.unpack(ARGV[4])
for i = 1, #wanted, 2 do
    local key, tag = P .. 'r:' .. wanted[i], wanted[i + 1]
    local claim = call('HGET', key, tag)
    if claim and claim:sub({2 * TOKEN + 1}) == ARGV[3] then call('HDEL', key, tag) end
end
"""
