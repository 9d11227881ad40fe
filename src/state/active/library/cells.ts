/**
 * A cell is one register with its counter: a string key (s), a field of a hash (h), a member of a set (t), the expiry of
 * a key (x). cell = { dots, shares }; dot = { origin, n, value }, oldest first; share = { origin, gen, last, cum, base,
 * bid }: what that origin has added since its generation began, and the part of it that was reset (up to its entry bid).
 */
export const CELLS: string = String.raw`
local SINGLE = { s = true, x = true }
local function read_cell(kind, key, sub)
  local packed
  if SINGLE[kind] then packed = meta('GET', kind .. ':' .. key)
  else packed = meta('HGET', kind .. ':' .. key, sub) end
  if packed then return cmsgpack.unpack(packed) end
  return { {}, {} }
end
local function is_empty(cell) return #cell[1] == 0 and #cell[2] == 0 end
local function write_cell(kind, key, sub, cell)
  local name = kind .. ':' .. key
  if is_empty(cell) then
    if SINGLE[kind] then meta('DEL', name) else meta('HDEL', name, sub) end
  elseif SINGLE[kind] then meta('SET', name, cmsgpack.pack(cell))
  else meta('HSET', name, sub, cmsgpack.pack(cell)) end
end

local function later(a, b)
  if a[2] ~= b[2] then return a[2] > b[2] end
  return before(b[1], a[1])
end
local function add_dot(cell, dot)
  local dots = cell[1]
  local i = #dots + 1
  while i > 1 and later(dots[i - 1], dot) do i = i - 1 end
  table.insert(dots, i, dot)
end
local function share_of(cell, o)
  for i, share in ipairs(cell[2]) do if share[1] == o then return share, i end end
end
local function add_share(cell, share)
  local shares = cell[2]
  local i = #shares + 1
  while i > 1 and before(share[1], shares[i - 1][1]) do i = i - 1 end
  table.insert(shares, i, share)
end

-- Whole numbers as Redis writes them, as far as a double is exact.
local function integer(s)
  if s == nil or #s > 17 then return nil end
  if s ~= '0' and not string.match(s, '^%-?[1-9]%d*$') then return nil end
  local n = tonumber(s)
  if n > MAX or n < -MAX then return nil end
  return n
end
local function sum_of(cell, from)
  local sum = from
  for _, share in ipairs(cell[2]) do sum = sum + (share[4] - share[5]) end
  return math.max(-MAX, math.min(MAX, sum))
end
-- What an app sees; nil = nothing is there.
local function shown(cell)
  local dot = cell[1][#cell[1]]
  if #cell[2] == 0 then return dot and dot[3] end
  if dot == nil then return text(sum_of(cell, 0)) end
  local n = integer(dot[3])
  return n == nil and dot[3] or text(sum_of(cell, n))
end

-- What a write or a removal observes: dots as { origin, n, ... }, shares as { origin, last, cum, ... }.
local function observed(cell)
  local dots, resets = {}, {}
  for _, d in ipairs(cell[1]) do
    dots[#dots + 1] = d[1]
    dots[#dots + 1] = d[2]
  end
  for _, s in ipairs(cell[2]) do
    for i, v in ipairs({ s[1], s[3], s[4] }) do resets[#resets + 1] = v end
  end
  return dots, resets
end

-- A removal of what is not here yet waits in tw:late:<origin> until it comes.
local function late_dot(kind, key, sub, n) return 'D' .. cmsgpack.pack({ kind, key, sub, n }) end
local function late_share(kind, key, sub) return 'C' .. cmsgpack.pack({ kind, key, sub }) end
local function drop_dot(cell, o, n)
  for i, d in ipairs(cell[1]) do
    if d[1] == o and d[2] == n then
      table.remove(cell[1], i)
      return
    end
  end
end
local function reset_share(cell, o, last, cum)
  local share, i = share_of(cell, o)
  if share == nil then return end
  if last >= share[3] then table.remove(cell[2], i)
  elseif last >= share[2] and last > share[6] then share[5], share[6] = cum, last end
end
local function reset_late(place, o, last)
  local key = 'tw:late:' .. o
  if last > tonumber(meta('HGET', key, place) or NONE) then meta('HSET', key, place, text(last)) end
  some[key] = true
end
local function remove_from(cell, place, dots, resets)
  local kind, key, sub = place[1], place[2], place[3]
  for i = 1, #dots, 2 do
    local o, n = dots[i], dots[i + 1]
    drop_dot(cell, o, n)
    if n > seen(o) then
      meta('HSET', 'tw:late:' .. o, late_dot(kind, key, sub, n), 1)
      some['tw:late:' .. o] = true
    end
  end
  for i = 1, #resets, 3 do
    local o, last = resets[i], resets[i + 1]
    reset_share(cell, o, last, resets[i + 2])
    if last > seen(o) then reset_late(late_share(kind, key, sub), o, last) end
  end
end

-- Was this key, as of that origin's stamp, deleted before the entry came?
local function cut(o, n, key)
  if not any('tw:cut:' .. o) then return false end
  local upto = meta('ZSCORE', 'tw:cut:' .. o, key)
  return upto and tonumber(upto) >= n
end
local function removed_before(o, n, kind, key, sub)
  local listed = any('tw:late:' .. o) and meta('HDEL', 'tw:late:' .. o, late_dot(kind, key, sub, n)) == 1
  return cut(o, n, key) or listed
end
local function reset_before(o, n, kind, key, sub)
  if not any('tw:late:' .. o) then return false end
  local place = late_share(kind, key, sub)
  local upto = tonumber(meta('HGET', 'tw:late:' .. o, place) or NONE)
  if n == upto then meta('HDEL', 'tw:late:' .. o, place) end
  return n <= upto
end

-- An increment of origin o. A share that is not here is all reset: what came before counts as its base.
local function increment(cell, o, n, by)
  local gen, cum, delta, previous = by[1] or n, by[2], by[3], by[4]
  local share, i = share_of(cell, o)
  if share ~= nil and share[2] ~= gen then
    table.remove(cell[2], i)
    share = nil
  end
  if share == nil then add_share(cell, { o, gen, n, cum, cum - delta, previous })
  else share[3], share[4] = n, cum end
end
`;
