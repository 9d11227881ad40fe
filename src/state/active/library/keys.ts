/** What an app sees when a cell changes, removal of whole keys, and what the operations of an entry do. */
export const KEYS: string = String.raw`
local RANK = { none = 0, string = 1, hash = 2, set = 3, list = 4 }
local NAME = { s = 'string', h = 'hash', t = 'set', l = 'list' }
local WRONGTYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value'

local PUT = {
  s = function(key, _, value) raw('SET', key, value, 'KEEPTTL') end,
  h = function(key, sub, value) raw('HSET', key, sub, value) end,
  t = function(key, sub) raw('SADD', key, sub) end,
}
local TAKE = {
  s = function(key) raw('DEL', key) end,
  h = function(key, sub) raw('HDEL', key, sub) end,
  t = function(key, sub) raw('SREM', key, sub) end,
}
-- Shows one cell that has changed.
local function show(kind, key, sub, cell)
  if kind == 'x' then return show_expiry(key) end
  local type_now, over = kind_seen(key)
  local mine = NAME[kind]
  if over or RANK[type_now] > RANK[mine] then return end
  local empty = is_empty(cell)
  if type_now ~= mine then
    if not empty then rebuild(key) end
  elseif empty then
    TAKE[kind](key, sub)
    if raw('EXISTS', key) == 0 then rebuild(key) end
  else
    PUT[kind](key, sub, shown(cell))
  end
end

local function change(o, n, op, how)
  local kind, key, sub = op[2], op[3], op[4]
  flush_list(key)
  local cell = read_cell(kind, key, sub)
  how(cell, kind, key, sub)
  write_cell(kind, key, sub, cell)
  show(kind, key, sub, cell)
end

-- A cell of a key that was deleted: what of it was not observed stays.
local function cut_cell(cell, upto)
  local dots = {}
  for _, d in ipairs(cell[1]) do
    if d[2] > (upto[d[1]] or NONE) then dots[#dots + 1] = d end
  end
  local changed = #dots < #cell[1]
  cell[1] = dots
  return changed
end
local function cut_cells(kind, key, upto)
  local rows = meta('HGETALL', kind .. ':' .. key)
  for i = 1, #rows, 2 do
    local cell = cmsgpack.unpack(rows[i + 1])
    if cut_cell(cell, upto) then write_cell(kind, key, rows[i], cell) end
  end
end
local function cut_single(kind, key, upto)
  local cell = read_cell(kind, key, '')
  if cut_cell(cell, upto) then write_cell(kind, key, '', cell) end
end
local function delete_key(key, upto)
  flush_list(key)
  cut_list(key, upto)
  cut_cells('t', key, upto)
  cut_cells('h', key, upto)
  cut_single('s', key, upto)
  cut_single('x', key, upto)
  for o, n in pairs(upto) do
    if n > seen(o) then
      meta('ZADD', 'tw:cut:' .. o, 'GT', text(n), key)
      some['tw:cut:' .. o] = true
    end
  end
  raw('DEL', key)
  show_expiry(key)
end
-- The own deletion has seen all there is.
local function forget_key(key)
  flush_list(key)
  meta('DEL', 'l:' .. key, 't:' .. key, 'h:' .. key, 's:' .. key, 'x:' .. key)
  meta('ZREM', 'tw:due', key)
  raw('DEL', key)
end

-- What one operation of an entry does here. Written by a local command and by the entry of another cluster alike.
local DO = {
  w = function(o, n, op)
    change(o, n, op, function(cell, kind, key, sub)
      remove_from(cell, { kind, key, sub }, op[6], op[7])
      if o == me or not removed_before(o, n, kind, key, sub) then add_dot(cell, { o, n, op[5] }) end
    end)
  end,
  r = function(o, n, op)
    change(o, n, op, function(cell, kind, key, sub) remove_from(cell, { kind, key, sub }, op[5], op[6]) end)
  end,
  i = function(o, n, op)
    change(o, n, op, function(cell, kind, key, sub)
      if o == me or not reset_before(o, n, kind, key, sub) then increment(cell, o, n, op[5]) end
    end)
  end,
  l = await_list,
  -- The time of that cluster: it says nothing any more that is before it.
  b = function(o, _, op)
    local cluster = cluster_of(o)
    local last = tonumber(meta('HGET', 'tw:beat', cluster) or 0)
    if op[2] > last then meta('HSET', 'tw:beat', cluster, text(op[2])) end
  end,
  d = function(o, _, op)
    if o == me then
      for _, key in ipairs(op[3]) do forget_key(key) end
      return
    end
    local upto = {}
    for i = 1, #op[2], 2 do upto[op[2][i]] = op[2][i + 1] end
    for _, r in ipairs(op[4]) do
      local cell = read_cell(r[1], r[2], r[3])
      remove_from(cell, r, {}, { r[4], r[5], r[6] })
      write_cell(r[1], r[2], r[3], cell)
    end
    for _, key in ipairs(op[3]) do delete_key(key, upto) end
  end,
}

-- One entry of an origin: to its log, and into the data.
local function enter(o, n, payload, ops)
  meta('XADD', 'tw:log:' .. o, id_of(n), 'p', payload)
  for _, op in ipairs(ops) do DO[op[1]](o, n, op) end
  vec[o] = n
  meta('HSET', 'tw:vec', o, text(n))
end
local function commit(ops)
  if #ops == 0 then return end
  enter(me, stamp(), cmsgpack.pack(ops), ops)
end

local function add_resets(rows, kind, key, sub, cell)
  for _, s in ipairs(cell[2]) do rows[#rows + 1] = { kind, key, sub, s[1], s[3], s[4] } end
end
-- The removal of all that is known of these keys.
local function deletion(keys)
  local rows = {}
  for _, key in ipairs(keys) do
    flush_list(key)
    add_resets(rows, 's', key, '', read_cell('s', key, ''))
    local fields = meta('HGETALL', 'h:' .. key)
    for i = 1, #fields, 2 do add_resets(rows, 'h', key, fields[i], cmsgpack.unpack(fields[i + 1])) end
  end
  return { 'd', everything_seen(), keys, rows }
end
-- An app writes to a key whose time is over: it begins anew.
local function begin_anew(key) commit({ deletion({ key }) }) end
`;
