"""What takes a part of a commit in, in one atomic step."""

# n; the segment with the commit's last part, else ''; steps. A part that was taken in once changes nothing.
APPLY = """
local n, segment, counts = tonumber(ARGV[3]), ARGV[4], {}
local applied = tonumber(call('HGET', META, 'n') or '0')
if n <= applied then return applied end
if n > applied + 1 then return redis.error_reply('GAP ' .. applied) end

local function count(name, change) counts[name] = (counts[name] or 0) + change end
local function standing(e) return has(e.flags, 1) and 'left' or 'o:' .. e.outcome end

local function know(b, id, requeued, take, found)
    local key = P .. 'i:' .. b
    local value = call('HGET', key, id)
    if not value then
        call('HSET', key, id, string.char(3, 0) .. found)
        call('SADD', P .. 'buckets', b)
        due(b, 1)
        count('left', 1)
        return
    end
    local e = parsed(value)
    local flags = e.flags
    if not has(flags, 2) then
        count('unlogged', -1)
        flags = flags + 2
    end
    if requeued and e.takes == take and not has(flags, 1) then
        count(standing(e), -1)
        count('left', 1)
        flags = flags + 1
        if call('HEXISTS', HELD, id) == 0 then due(b, 1) end
    end
    if flags ~= e.flags then call('HSET', key, id, string.char(flags) .. value:sub(2)) end
end

local ids = {}
local steps = cmsgpack.unpack(ARGV[5])
for _, step in ipairs(steps) do
    if step[1] == 's' then ids[#ids + 1] = step[3] end
end
local holders, leases, oldest = {}, {}, {}
for i, worker in ipairs(#ids > 0 and call('HMGET', HELD, unpack(ids)) or {}) do
    if worker then
        holders[ids[i]] = worker
        leases[worker] = leases[worker] or {}
        table.insert(leases[worker], ids[i])
    end
end

local function settle(b, id, outcome, take, captured, version, hash, found, tail)
    local key = P .. 'i:' .. b
    local value, versions = call('HGET', key, id), version
    if value then
        local e = parsed(value)
        found, versions = e.found, math.max(e.versions, version)
        count(standing(e), -1)
        if not has(e.flags, 2) then count('unlogged', -1) end
        if has(e.flags, 1) and not holders[id] then due(b, -1) end
        if hash == '' then hash, version = e.hash, e.version
        elseif e.hash ~= hash and e.version > 0 then
            call('HSET', P .. 'v:' .. b, id .. e.hash, e.version)
        end
    else
        call('SADD', P .. 'buckets', b)
    end
    count('o:' .. outcome, 1)
    if captured > 0 then oldest[b] = math.min(oldest[b] or captured, captured) end
    local head = struct.pack(HEAD, 6, 0, outcome, take, n, captured, version, versions, #hash)
    call('HSET', key, id, head .. hash .. found .. tail)
end

for _, step in ipairs(steps) do
    if step[1] == 's' then
        settle(step[2], step[3], step[4], step[5], step[6], step[7], step[8], step[9], step[10])
    elseif step[1] == 'k' then know(step[2], step[3], step[4], step[5], step[6])
    elseif step[1] == 'c:' then call('HSET', P .. step[1] .. step[2], step[3], step[4])
    else call('HSETNX', P .. step[1] .. step[2], step[3], step[4]) end
end
for worker, held in pairs(leases) do
    call('HDEL', HELD, unpack(held))
    call('HDEL', P .. 'h:' .. worker, unpack(held))
end
if #ids > 0 and call('EXISTS', P .. 'deaths') == 1 then
    call('HDEL', P .. 'deaths', unpack(ids))
    call('SREM', P .. 'flying', unpack(ids))
end
for b, captured in pairs(oldest) do call('ZADD', OLD, 'LT', captured, b) end
for name, change in pairs(counts) do call('HINCRBY', META, name, change) end
show_left()
if segment ~= '' then
    call('HSETNX', P .. 'segments', segment, n)
    call('HSET', P .. 'commits', n, segment)
    call('HSET', META, 'n', n)
end
return n
"""
