"""What takes a part of a commit in, in one atomic step."""

# n; the part's number, from 1 on; the segment with the last part, else ''; steps, one behind the other: the
# newest commit that is in whole. A part that is in changes nothing, as does one of a commit that is not next;
# where a part before it is not in, a restart has lost it.
APPLY = """
local n, number, segment, counts = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5], {}
local applied, parts = unpack(call('HMGET', META, 'n', 'parts'))
applied = tonumber(applied or '0')
local is_next = n == applied + 1
parts = is_next and tonumber(parts or '0') or 0
if n <= applied or number <= parts then return applied end
if number > parts + 1 then return redis.error_reply('EPOCH without a part') end
if not is_next then return applied end

local holders, over = {}, {}  -- of the ids: who has them on lease, and whose has ended
local function count(name, change) counts[name] = (counts[name] or 0) + change end
local function standing(e) return has(e.flags, TODO) and 'left' or 'o:' .. e.outcome end

local function know(b, id, requeued, take, found)
    local value, key = entry_of(b, id)
    if not value then
        call('HSET', P .. 'l:' .. b, id, string.char(TODO + LOGGED, 0) .. found)
        used(b)
        due(b, 1)
        count('left', 1)
        return
    end
    local e = parsed(value)
    local flags = e.flags
    if not has(flags, LOGGED) then
        count('unlogged', -1)
        flags = flags + LOGGED
    end
    if requeued and e.takes == take and not has(flags, TODO) then
        count(standing(e), -1)
        count('left', 1)
        flags = flags + TODO
        call('HDEL', key, id)
        key = P .. 'l:' .. b
        if over[id] or call('HEXISTS', HELD, id) == 0 then due(b, 1) end
    end
    if flags ~= e.flags then call('HSET', key, id, string.char(flags) .. value:sub(2)) end
end

local NEWEST = {c = true, r = true}  -- of the others the first stays
local WIDTH = {s = 8, k = 6, u = 7}
local function width(step) return WIDTH[step] or 3 end

local ids, at = {}, 1
local steps = cmsgpack.unpack(ARGV[6])
while steps[at] do
    if steps[at] == 's' then ids[#ids + 1] = steps[at + 2] end
    at = at + width(steps[at])
end
local leases, oldest = {}, {}
for i, worker in ipairs(many('HMGET', HELD, ids)) do
    if worker then
        holders[ids[i]] = worker
        leases[worker] = leases[worker] or {}
        table.insert(leases[worker], ids[i])
    end
end

-- what stands behind an id's flags and attempts once it is taken again
local function again(b, id, was, is)
    local version, versions, hash = is.version, math.max(was.versions, is.versions), is.hash
    if hash == '' then hash, version = was.hash, was.version
    elseif was.hash ~= hash and was.version > 0 then
        call('HSET', P .. 'v:' .. b, id .. was.hash, was.version)
    end
    local flags = LOGGED + TAKEN + is.outcome * 16
    if #hash == HASH and version == 1 and versions == 1 and is.takes < 256 and n < 2 ^ 24 then
        return struct.pack(SHORT, flags + PLAIN, 0, n, is.captured, is.takes) .. hash
    end
    return struct.pack(ANY, flags, 0, n, is.captured, is.takes, version, versions, #hash) .. hash
end

local function settle(b, id, outcome, captured, entry, found, tail)
    local value, key = entry_of(b, id)
    if value then
        local flags = value:byte(1)
        if has(flags, TODO) then call('HDEL', key, id) end
        if not has(flags, LOGGED) then count('unlogged', -1) end
        if has(flags, TODO) and not holders[id] then due(b, -1) end
        if has(flags, TAKEN) then
            local was = parsed(value)
            count(standing(was), -1)
            found, entry = was.texts:match('^%Z*'), again(b, id, was, parsed(entry))
        else
            count('left', -1)
            found = value:sub(3)
        end
    else
        used(b)
    end
    if holders[id] then holders[id], over[id] = nil, true end
    count(outcome, 1)
    if captured > 0 then oldest[b] = math.min(oldest[b] or captured, captured) end
    call('HSET', P .. 'i:' .. b, id, entry .. found .. tail)
end

-- its own place only where the payload's is another record's
local function validate(key, field, whole, payload, tag, place)
    if call('HGET', P .. payload, tag) ~= place then whole = whole .. place end
    call('HSETNX', P .. key, field, whole)
end

at = 1
while steps[at] do
    local step, a, b, c = steps[at], steps[at + 1], steps[at + 2], steps[at + 3]
    if step == 's' then settle(a, b, c, unpack(steps, at + 4, at + 7))
    elseif step == 'k' then know(a, b, c, steps[at + 4], steps[at + 5])
    elseif step == 'u' then validate(unpack(steps, at + 1, at + 6))
    else call(NEWEST[step:sub(1, 1)] and 'HSET' or 'HSETNX', P .. step, a, b) end
    at = at + width(step)
end
for worker, held in pairs(leases) do
    many('HDEL', HELD, held)
    many('HDEL', P .. 'h:' .. worker, held)
end
if #ids > 0 and call('EXISTS', P .. 'deaths') == 1 then
    many('HDEL', P .. 'deaths', ids)
    many('SREM', P .. 'flying', ids)
end
local ages = {}
for b, captured in pairs(oldest) do ages[#ages + 1], ages[#ages + 2] = captured, b end
for from = 1, #ages, 1000 do
    call('ZADD', OLD, 'LT', unpack(ages, from, math.min(from + 999, #ages)))
end
for name, change in pairs(counts) do call('HINCRBY', META, name, change) end
show_left()
if segment == '' then
    call('HSET', META, 'parts', number)
    return applied
end
call('HSETNX', P .. 'segments', segment, n)
call('HSET', P .. 'commits', n, segment)
call('HSET', META, 'n', n)
call('HDEL', META, 'parts')
return n
"""
