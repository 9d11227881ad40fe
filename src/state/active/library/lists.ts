/**
 * A list: the elements { side, origin, n, value } in the list l:<key>, and the values in the list of the app.
 * Order: left elements from the latest to the oldest, then right elements from the oldest to the latest; those of one
 * entry stay in their order. Elements that come late are put in their place by one read of that end.
 */
export const LISTS: string = String.raw`
local function sooner(a, b)
  if a[3] ~= b[3] then return a[3] < b[3] end
  return before(a[2], b[2])
end

-- The elements at that end that are later than e, the latest first, with their rows as fifth (an app may only push, so
-- the rest of the list stays as it is).
local function later_than(key, side, e)
  local total = meta('LLEN', 'l:' .. key)
  local found, width = {}, 1
  while #found < total do
    local from, to = #found, math.min(total, #found + width) - 1
    if side == 'R' then from, to = total - 1 - to, total - 1 - from end
    local rows = meta('LRANGE', 'l:' .. key, from, to)
    for k = 1, #rows do
      local row = rows[side == 'R' and #rows + 1 - k or k]
      local x = cmsgpack.unpack(row)
      if x[1] ~= side or not sooner(e, x) then return found end
      x[5] = row
      found[#found + 1] = x
    end
    width = math.min(4096, width * 4)
  end
  return found
end

local function trim_end(run, key, side, count)
  if count == 0 then return end
  if side == 'R' then run('LTRIM', key, 0, -count - 1) else run('LTRIM', key, count, -1) end
end

-- The oldest first.
local function merge(latest_first, coming)
  local out, i, j = {}, #latest_first, 1
  while i > 0 or j <= #coming do
    if j > #coming or (i > 0 and sooner(latest_first[i], coming[j])) then
      out[#out + 1] = latest_first[i]
      i = i - 1
    else
      out[#out + 1] = coming[j]
      j = j + 1
    end
  end
  return out
end

local function merge_list(key, side, coming)
  if #coming == 0 then return end
  local kind, over = kind_seen(key)
  local found = later_than(key, side, coming[1])
  local count, rows, values = #found, {}, {}
  for i, e in ipairs(merge(found, coming)) do
    rows[i] = e[5] or cmsgpack.pack(e)
    values[i] = e[4]
  end
  local push = side == 'R' and 'RPUSH' or 'LPUSH'
  trim_end(meta, 'l:' .. key, side, count)
  many(meta, push, 'l:' .. key, rows)
  if over then return end
  -- A list that would be empty for a moment would lose its expiry.
  if kind ~= 'list' or count >= raw('LLEN', key) then return rebuild(key) end
  trim_end(raw, key, side, count)
  many(raw, push, key, values)
end

-- Elements of a batch wait here until all of them are merged at once.
local function await_list(o, n, op)
  local key, side = op[2], op[3]
  if o ~= me and cut(o, n, key) then return end
  local sides = pending[key]
  if sides == nil then
    sides = { L = {}, R = {} }
    pending[key] = sides
  end
  local coming = sides[side]
  for _, value in ipairs(op[4]) do coming[#coming + 1] = { side, o, n, value } end
end
local function flush_list(key)
  local sides = pending[key]
  if sides == nil then return end
  pending[key] = nil
  merge_list(key, 'L', sides.L)
  merge_list(key, 'R', sides.R)
end
local function flush_lists()
  local keys = {}
  for key in pairs(pending) do keys[#keys + 1] = key end
  table.sort(keys, before)
  for _, key in ipairs(keys) do flush_list(key) end
end

-- Keeps the elements that upto does not cover (origin -> greatest stamp that was observed).
local function cut_list(key, upto)
  local rows, kept = meta('LRANGE', 'l:' .. key, 0, -1), {}
  for _, row in ipairs(rows) do
    local e = cmsgpack.unpack(row)
    if e[3] > (upto[e[2]] or NONE) then kept[#kept + 1] = row end
  end
  if #kept == #rows then return end
  meta('DEL', 'l:' .. key)
  many(meta, 'RPUSH', 'l:' .. key, kept)
end
`;
