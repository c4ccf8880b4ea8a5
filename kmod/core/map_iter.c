// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps: iteration, with Go's guarantees and without a lock between steps.
 *
 * An iteration walks all hashes in the order of their positions, table by
 * table; its state is how far it has come. Tables split, merge and move
 * meanwhile, but a key keeps its hash, so the state says of each entry whether
 * it has been seen. The seed changes only when the map is emptied or cleared:
 * then nothing is left that an iteration owes, and it ends.
 *
 * The position of a hash is what it differs by, bit by bit, from the origin of
 * the iteration, a random number. The hashes of a table are those with a common
 * prefix, and so are their positions: an iteration comes to each table once, and
 * to any of them first. Which of two hashes comes first is what the origin has
 * in the highest bit in which they differ, so each does in half of all
 * iterations. The slots of a table are visited in the same manner, so that this
 * holds for small maps, too.
 *
 * Positions are in units of two hashes, so that the end is a number as well.
 *
 * There are two forms:
 *
 *   - struct gomap_iter pins the table it is in and visits its slots in turn.
 *     Slots do not move in a live table. Once the table is stale, its frozen
 *     content still tells which keys there were; each is looked up in the map,
 *     which may have another value for it, or none. A table that replaced
 *     smaller ones may have been done in part: then its keys are hashed, and
 *     those outside of what remains are skipped.
 *
 *   - gomap_scan() keeps nothing but the position. It returns the entries of
 *     one part of the circle after the other.
 *
 * Layout, lifetime and locks: map_internal.h.
 */

#include <linux/export.h>
#include <linux/math64.h>

#include "map_internal.h"
#include "map_key.h"

static u64 gomap_position(u64 hash, u64 origin)
{
	return (hash ^ origin) >> 1;
}

/* A hash at a position: the inverse of gomap_position(). */
static u64 gomap_position_hash(u64 pos, u64 origin)
{
	return pos << 1 ^ origin;
}

/* How many positions a table covers, less one. */
static u64 gomap_table_width(const struct gomap_table *t)
{
	return ~0ULL >> 1 >> t->depth;
}

static u64 gomap_first_position(const struct gomap_table *t, u64 origin)
{
	return gomap_position(t->prefix, origin) & ~gomap_table_width(t);
}

static u64 gomap_last_position(const struct gomap_table *t, u64 origin)
{
	return gomap_position(t->prefix, origin) | gomap_table_width(t);
}

/* Copy a slot of any table to @copy if it is full. */
static bool gomap_copy_slot(const struct gomap *m, const struct gomap_table *t,
			    u32 nr, void *copy)
{
	unsigned int seq;
	bool full;

	/* Cheap, and right about an entry that is there all the time. */
	if (gomap_ctrl_byte(t, nr) & GOMAP_EMPTY)
		return false;
	do {
		/* Pairs with write_seqcount_begin() and _end(). */
		seq = read_seqcount_begin(&t->seq);
		full = !(gomap_ctrl_byte(t, nr) & GOMAP_EMPTY);
		if (full)
			memcpy(copy, gomap_slot(m, t, nr, m->kind),
			       m->slot_size);
	} while (read_seqcount_retry(&t->seq, seq));
	return full;
}

/* The value in the copy of a slot. In an RCU section, see gomap_block. */
static const void *gomap_slot_val(const struct gomap *m, void *slot)
{
	if (gomap_outline(m, m->kind))
		return (*gomap_slot_block(m, slot, m->kind))->data;
	return slot + m->val_off;
}

/*
 * Iterators.
 */

/* Pin the table that is next, if there is one. */
static bool gomap_iter_pin(struct gomap_iter *it)
{
	u64 hash = gomap_position_hash(it->done, it->origin);
	struct gomap_table *t;

	do {
		t = gomap_dir_table(rcu_dereference(it->m->dir), hash);
		if (!t)
			return false;
		/* The last reference goes after the directory has changed. */
	} while (!refcount_inc_not_zero(&t->refs));

	it->table = t;
	it->last = gomap_last_position(t, it->origin);
	it->whole = gomap_first_position(t, it->origin) == it->done;
	it->pos = 0;
	it->turn = get_random_u32();
	return true;
}

/* Put the current table away. Return false if it was the last one. */
static bool gomap_iter_leave(struct gomap_iter *it)
{
	gomap_table_put(it->table);
	it->table = NULL;
	it->done = it->last + 1;
	return it->done < GOMAP_CURSOR_END;
}

/*
 * Fetch the entry of a slot, as it is in the map now.
 *
 * The flag is read after the copy was found good, so if it is not set the copy
 * was made of a live table. It is set before the successor is published: who
 * knows of a change in there sees it.
 */
static bool gomap_iter_fetch(struct gomap_iter *it, u32 nr)
{
	const struct gomap *m = it->m;
	u8 key[GOMAP_MAX_KEY_SIZE] __aligned(8);
	struct gomap_key k;
	u64 pos;

	if (!gomap_copy_slot(m, it->table, nr, it->slot))
		return false;
	k = gomap_slot_key(m, it->slot, m->kind);
	if (!it->whole) {
		pos = gomap_position(gomap_hash(m, &k, &it->seed, m->kind),
				     it->origin);
		if (pos < it->done || pos > it->last)
			return false;
	}
	if (!READ_ONCE(it->table->stale))
		return true;
	/* Only gomap_clear() removes a key that differs from itself. */
	if (!gomap_reflexive(m, &k, m->kind))
		return true;
	memcpy(key, k.data, k.len);
	k.data = key;
	return gomap_get_slot(m, &k, it->slot);
}

/* Fetch the next entry. The caller is in an RCU section. */
static bool gomap_iter_step(struct gomap_iter *it)
{
	const struct gomap *m = it->m;

	if (!m)
		return false;
	do {
		u32 slots;

		/* Still the seed that it began with? */
		if (!gomap_same_seed(rcu_dereference(m->dir), &it->seed,
				     m->kind))
			break;
		if (!it->table && !gomap_iter_pin(it))
			break;
		slots = gomap_table_slots(it->table);
		while (it->pos < slots)
			if (gomap_iter_fetch(it, (it->pos++ ^ it->turn) &
						 (slots - 1)))
				return true;
	} while (gomap_iter_leave(it));

	gomap_iter_end(it);
	return false;
}

/**
 * gomap_iter_init - begin an iteration
 * @it: the iterator
 * @m: the map, or NULL
 *
 * Each entry that is in the map from now to the end is produced exactly once;
 * one that is deleted before it is reached is not, one that is overwritten has
 * its latest value. An entry that is added meanwhile may be produced or not, at
 * most once for each insertion. After gomap_clear(), or when the map has become
 * empty, the iteration ends. The order is random, and another each time: of any
 * two entries of a map that does not change, each comes first in half of all
 * iterations.
 *
 * The map may be changed between the steps, by the caller, too. The memory of
 * one table is kept from being freed.
 *
 * Context: Any but NMI.
 */
void gomap_iter_init(struct gomap_iter *it, const struct gomap *m)
{
	it->m = NULL;
	it->table = NULL;
	if (!m || !gomap_len(m))
		return;
	it->m = m;
	it->origin = get_random_u64();
	it->done = 0;
	rcu_read_lock();
	it->seed = gomap_seed(rcu_dereference(m->dir), m->kind);
	rcu_read_unlock();
}
EXPORT_SYMBOL_NS_GPL(gomap_iter_init, GOCHAN_NS);

/**
 * gomap_iter_next - get the next entry
 * @it: the iterator
 * @key: room for the key, as it is stored; with GOMAP_BYTES a struct
 *	gomap_bytes whose @data has room for the longest. May be NULL.
 * @val: room for the value; may be NULL
 *
 * Context: Any but NMI.
 * Return: true, or false at the end; then the iterator holds nothing any more.
 */
bool gomap_iter_next(struct gomap_iter *it, void *key, void *val)
{
	bool found;

	rcu_read_lock();
	found = gomap_iter_step(it);
	if (found && key)
		gomap_key_out(it->m, it->slot, key);
	if (found && val)
		memcpy(val, gomap_slot_val(it->m, it->slot), it->m->val_size);
	rcu_read_unlock();
	return found;
}
EXPORT_SYMBOL_NS_GPL(gomap_iter_next, GOCHAN_NS);

/**
 * gomap_iter_end - end an iteration early
 * @it: the iterator; may have come to its end already
 *
 * Context: Any but NMI.
 */
void gomap_iter_end(struct gomap_iter *it)
{
	gomap_table_put(it->table);
	it->table = NULL;
	it->m = NULL;
}
EXPORT_SYMBOL_NS_GPL(gomap_iter_end, GOCHAN_NS);

/**
 * gomap_for_each - call a function for each entry
 * @m: the map, or NULL
 * @fn: the function; it gets a key, or with GOMAP_BYTES a struct gomap_bytes,
 *	a value, and @ctx. If it returns anything but 0 that is the end.
 * @ctx: passed to @fn
 *
 * Everything is one RCU section, so objects that values point to stay. @fn must
 * not sleep; it may use the map, and insert with GFP_ATOMIC. Otherwise as
 * gomap_iter_init().
 *
 * Context: Any but NMI.
 * Return: what @fn returned last, or 0.
 */
int gomap_for_each(const struct gomap *m,
		   int (*fn)(const void *key, const void *val, void *ctx),
		   void *ctx)
{
	struct gomap_iter it;
	int ret = 0;

	rcu_read_lock();
	gomap_iter_init(&it, m);
	while (!ret && gomap_iter_step(&it)) {
		struct gomap_bytes bytes = {
			.data = it.slot,
			.len = gomap_slot_len(m, it.slot),
		};

		ret = fn(m->flags & GOMAP_BYTES ? &bytes : (void *)it.slot,
			 gomap_slot_val(m, it.slot), ctx);
	}
	gomap_iter_end(&it);
	rcu_read_unlock();
	return ret;
}
EXPORT_SYMBOL_NS_GPL(gomap_for_each, GOCHAN_NS);

/*
 * Scans.
 */

/**
 * struct gomap_scan - the state of one gomap_scan()
 * @m: the map
 * @c: the cursor
 * @seed: the map's seed
 * @keys: where the caller wants the keys
 * @lens: and their lengths, or NULL
 * @vals: and the values, or NULL
 * @nr: entries stored
 * @max: how many there may be
 */
struct gomap_scan {
	const struct gomap *m;
	struct gomap_cursor *c;
	siphash_key_t seed;
	void *keys;
	u32 *lens;
	void *vals;
	u32 nr;
	u32 max;
};

static u64 gomap_scan_position(const struct gomap_scan *s, const void *slot)
{
	struct gomap_key k = gomap_slot_key(s->m, slot, s->m->kind);

	return gomap_position(gomap_hash(s->m, &k, &s->seed, s->m->kind),
			      s->c->origin);
}

static void gomap_scan_store(struct gomap_scan *s, void *slot)
{
	const struct gomap *m = s->m;

	memcpy(s->keys + (size_t)s->nr * m->key_size, slot, m->key_size);
	if (s->lens)
		s->lens[s->nr] = gomap_slot_len(m, slot);
	if (s->vals)
		memcpy(s->vals + (size_t)s->nr * m->val_size,
		       gomap_slot_val(m, slot), m->val_size);
	s->nr++;
}

/*
 * Store the entries of @t from the cursor up to the position @end. Return false
 * if there are too many: then none is stored.
 *
 * The low bits of the origin, which no position of a table depends on, order the
 * slots: the same cursor gives the same order.
 */
static bool gomap_scan_range(struct gomap_scan *s, const struct gomap_table *t,
			     u64 end)
{
	u32 i, slots = gomap_table_slots(t), first = s->nr;
	u32 turn = (s->c->origin >> 1) & (slots - 1);
	u8 slot[GOMAP_MAX_SLOT] __aligned(8);

	for (i = 0; i < slots; i++) {
		u64 pos;

		if (!gomap_copy_slot(s->m, t, i ^ turn, slot))
			continue;
		pos = gomap_scan_position(s, slot);
		if (pos < s->c->done || pos >= end)
			continue;
		if (s->nr == s->max) {
			s->nr = first;
			return false;
		}
		gomap_scan_store(s, slot);
	}
	return true;
}

/*
 * How far to go in @t, so that what is found is likely to fit. Hashes are
 * random: an eighth of the room is for chance.
 */
static u64 gomap_scan_end(const struct gomap_scan *s,
			  const struct gomap_table *t)
{
	u64 last = gomap_last_position(t, s->c->origin);
	u32 used = READ_ONCE(t->used), room = s->max - s->nr;
	u64 width;

	if (used <= room)
		return last + 1;
	width = div_u64(gomap_table_width(t), used) * (room - room / 8);
	return min(last, s->c->done + width) + 1;
}

/* Do what fits of the table at the cursor. Return 0 or an error. */
static int gomap_scan_step(struct gomap_scan *s)
{
	const struct gomap_dir *d = rcu_dereference(s->m->dir);
	struct gomap_cursor *c = s->c;
	const struct gomap_table *t;
	u64 end;

	s->seed = gomap_seed(d, s->m->kind);
	t = gomap_dir_table(d, gomap_position_hash(c->done, c->origin));
	if (!t) {
		c->done = GOMAP_CURSOR_END;
		return 0;
	}
	end = gomap_scan_end(s, t);
	while (!gomap_scan_range(s, t, end)) {
		/* Entries of one position come together or not at all. */
		if (end == c->done + 1)
			return s->nr ? 1 : -ENOBUFS;
		end = c->done + (end - c->done) / 2;
	}
	c->done = end;
	return 0;
}

/**
 * gomap_cursor_init - begin a scan in a random order
 * @c: the cursor
 *
 * Context: Any but NMI.
 */
void gomap_cursor_init(struct gomap_cursor *c)
{
	c->origin = get_random_u64();
	c->done = 0;
}
EXPORT_SYMBOL_NS_GPL(gomap_cursor_init, GOCHAN_NS);

/**
 * gomap_scan - get the next entries of a scan
 * @m: the map, or NULL
 * @c: where the scan stands; moved on
 * @keys: room for @n keys of the map's key_size
 * @lens: with GOMAP_BYTES, room for the lengths of the keys; or NULL
 * @vals: room for @n values, or NULL
 * @n: number of entries wanted
 *
 * Keeps nothing between the calls. An entry that is in the map from the first
 * call to the last is produced exactly once, whatever happens to the others and
 * to the tables; one that is deleted and inserted again may be produced again.
 * After gomap_clear() it is undefined which new entries are still produced.
 *
 * A call looks at all slots of the tables that its entries are from, and these
 * have up to 1024 slots: ask for a thousand entries.
 *
 * Context: Any but NMI.
 * Return: the number of entries, less than half of @n only at the end or before
 * entries that cannot be split up; 0 at the end. -ENOBUFS if the next entries
 * agree in 63 bits of their hashes, and are more than @n. -EINVAL if @n is 0 or
 * above INT_MAX, or the map has GOMAP_IRREFLEXIVE.
 */
int gomap_scan(const struct gomap *m, struct gomap_cursor *c, void *keys,
	       u32 *lens, void *vals, unsigned int n)
{
	struct gomap_scan s = {
		.m = m,
		.c = c,
		.keys = keys,
		.lens = lens,
		.vals = vals,
		.max = n,
	};
	int ret = 0;

	if (!n || n > INT_MAX || (m && m->flags & GOMAP_IRREFLEXIVE))
		return -EINVAL;
	if (!m)
		return 0;
	/* The little room that is left would cost a look at all slots again. */
	while (!ret && s.nr < DIV_ROUND_UP(n, 2) && c->done < GOMAP_CURSOR_END) {
		rcu_read_lock();
		ret = gomap_scan_step(&s);
		rcu_read_unlock();
	}
	return ret < 0 ? ret : s.nr;
}
EXPORT_SYMBOL_NS_GPL(gomap_scan, GOCHAN_NS);
