// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps: a check of all invariants, for tests and debugging.
 *
 * Layout, lifetime and locks: map_internal.h.
 */

#include <linux/export.h>

#include "map_internal.h"
#include "map_key.h"

#ifdef GOMAP_TESTED

static const char *gomap_check_entry(const struct gomap *m,
				     const struct gomap_table *t, u32 nr,
				     const siphash_key_t *seed)
{
	void *slot = gomap_slot(m, t, nr, m->kind);
	struct gomap_key k = gomap_slot_key(m, slot, m->kind);

	if (gomap_outline(m, m->kind) &&
	    !*gomap_slot_block(m, slot, m->kind))
		return "entry without its value";
	if (!gomap_reflexive(m, &k, m->kind))
		return NULL;
	k.hash = gomap_hash(m, &k, seed, m->kind);
	if (k.hash < t->prefix || k.hash > gomap_table_last(t))
		return "entry in the wrong table";
	if (gomap_ctrl_byte(t, nr) != gomap_h2(k.hash))
		return "control byte of another hash";
	if (gomap_find(m, t, gomap_mask(t), &k, NULL, m->kind) != nr)
		return "entry not found, or twice";
	return NULL;
}

static const char *gomap_check_slot(const struct gomap *m,
				    const struct gomap_table *t, u32 nr,
				    const siphash_key_t *seed)
{
	u8 byte = gomap_ctrl_byte(t, nr);

	if (!(byte & GOMAP_EMPTY))
		return gomap_check_entry(m, t, nr, seed);
	if (byte != GOMAP_EMPTY && byte != GOMAP_DELETED)
		return "unknown control byte";
	return NULL;
}

static const char *gomap_check_groups(const struct gomap_table *t)
{
	u32 group, full = 0, empty = 0, deleted = 0;

	for (group = 0; group <= gomap_mask(t); group++) {
		u64 ctrl = t->ctrl[group];

		if (gomap_match_empty(ctrl) && gomap_match_deleted(ctrl))
			return "mixed group";
		if (gomap_match_empty(ctrl) && *gomap_passed(t->ctrl, group))
			return "passed group with an empty slot";
		full += hweight64(gomap_match_full(ctrl));
		empty += hweight64(gomap_match_empty(ctrl));
		deleted += hweight64(gomap_match_deleted(ctrl));
	}
	if (full != t->used)
		return "wrong number of entries";
	if (deleted != gomap_tombstones(t))
		return "wrong number of tombstones";
	if (t->used + t->growth_left > gomap_limit(t->shift))
		return "more room than slots";
	if (!empty && t->shift)
		return "no empty slot";
	if (deleted && !t->shift)
		return "tombstone in a single group";
	return NULL;
}

static const char *gomap_check_table(const struct gomap *m,
				     const struct gomap_dir *d, size_t index,
				     const struct gomap_table *t)
{
	/* The whole of it, whatever gomap_seed() finds enough. */
	siphash_key_t seed = d->seed;
	const char *wrong;
	size_t i;
	u32 nr;

	if (t->stale)
		return "stale table in the directory";
	if (t->depth > d->depth)
		return "table deeper than the directory";
	if (gomap_index(t->prefix, d->depth) != index ||
	    gomap_dir_entry(d, t->prefix) != &gomap_entries(d)[index] ||
	    gomap_dir_table(d, t->prefix) != t)
		return "table at the wrong place";
	for (i = index; i < gomap_next_index(d, t); i++)
		if (gomap_word(&gomap_entries(d)[i]) != gomap_entry_word(t) ||
		    gomap_entries(d)[i].slots != t->slots)
			return "directory run broken";
	if (t->shift > m->max_shift)
		return "table too large";

	wrong = gomap_check_groups(t);
	for (nr = 0; !wrong && nr < gomap_table_slots(t); nr++)
		wrong = gomap_check_slot(m, t, nr, &seed);
	return wrong;
}

/* A pass that shrinks the map may rest with a half filled directory. */
static const char *gomap_check_next(const struct gomap *m,
				    const struct gomap_dir *d)
{
	const struct gomap_dir *next = m->next_dir;
	size_t i;

	if (!next)
		return NULL;
	if (!m->pass.in_dir || next->depth >= d->depth)
		return "directory that nobody fills";
	for (i = d->depth; i > next->depth; i--)
		if (m->nr_at_depth[i])
			return "next directory too short";
	for (i = 0; i < m->next_done; i++)
		if (gomap_word(&gomap_entries(next)[i]) !=
		    gomap_word(&gomap_entries(d)[i << (d->depth - next->depth)]))
			return "next directory out of date";
	return NULL;
}

/* What stands beside the tables of the directory. */
static const char *gomap_check_rest(const struct gomap *m, const u32 *at_depth)
{
	const struct gomap_table *t;
	size_t pool = 0;

	if (memcmp(m->nr_at_depth, at_depth, sizeof(m->nr_at_depth)))
		return "wrong number of tables of some depth";
	for (t = m->pool; t; t = t->next, pool++)
		if (t->shift != m->max_shift || t->used)
			return "unfit table in the pool";
	if (pool != m->nr_pool)
		return "wrong number of tables in the pool";
	return NULL;
}

/**
 * gomap_check - check all invariants of a map
 * @m: the map; nobody may change it meanwhile
 *
 * Context: Any but NMI.
 * Return: NULL if everything is right, else what is wrong.
 */
const char *gomap_check(const struct gomap *m)
{
	size_t i = 0, index = 0, used = 0, tables = 0, slots = 0;
	u32 at_depth[ARRAY_SIZE(m->nr_at_depth)] = { };
	const struct gomap_dir *d;
	const char *wrong = NULL;
	struct gomap_table *t;

	rcu_read_lock();
	d = rcu_dereference(m->dir);
	while (!wrong && (t = gomap_next_table(d, &i))) {
		wrong = gomap_check_table(m, d, index, t);
		used += t->used;
		slots += gomap_table_slots(t);
		tables++;
		if (!wrong)
			at_depth[t->depth]++;
		index = i;
	}
	if (!wrong && i && i != 1UL << d->depth)
		wrong = "hole in the directory";
	if (!wrong)
		wrong = gomap_check_next(m, d);
	rcu_read_unlock();

	if (wrong)
		return wrong;
	if (used != gomap_len(m))
		return "wrong number of entries in all";
	if (tables != m->nr_tables)
		return "wrong number of tables";
	if (slots != m->slots)
		return "wrong number of slots";
	if (m->max_entries && used > m->max_entries)
		return "too many entries";
	return gomap_check_rest(m, at_depth);
}
EXPORT_SYMBOL_NS_GPL(gomap_check, GOCHAN_NS);

#endif /* GOMAP_TESTED */
