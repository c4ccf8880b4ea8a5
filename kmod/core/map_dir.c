// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps: directories, and how one replaces another.
 *
 * A directory grows with the map, so it is never copied in one go: its
 * successor, gomap.next_dir, is filled in slices, and gomap.lock is let go of
 * in between. Who replaces a table meanwhile publishes the new one in both
 * directories: in a part that was copied, it is up to date; in a part that is
 * still to come, it does not matter. With the last slice the successor becomes
 * the directory.
 *
 * A large map has this done early, by gomap_grow_work(): as soon as some table
 * is as deep as the directory. It is ready long before that table has to split
 * again, and no insert pays for it.
 *
 * A shorter successor may stay half filled between two calls of
 * gomap_shrink_some(). It is dropped when a table becomes too deep for it.
 *
 * Layout, lifetime and locks: map_internal.h.
 */

#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "map_internal.h"

/*
 * Entries copied under the lock at a time: a few microseconds with interrupts
 * off, as the split of a table takes, too.
 */
#define GOMAP_DIR_SLICE		1024

/* Make a directory without entries and seed. Return as gomap_mem_alloc(). */
struct gomap_dir *gomap_dir_alloc(const struct gomap *m, u32 depth, gfp_t gfp)
{
	struct gomap_dir *d;

	d = gomap_mem_alloc(m, gomap_dir_size(depth), gfp | __GFP_ZERO);
	if (!IS_ERR(d))
		gomap_set_depth(d, depth);
	return d;
}

/* Free a directory that lookups may still be reading. */
void gomap_dir_free(struct gomap *m, struct gomap_dir *d)
{
	if (!d || d == &m->first_dir)
		return;
	if (m->payer)
		gomap_paid_free_rcu(d);
	else
		kvfree_rcu(d, rcu);
}

/*
 * Draw a new seed for a directory in use, at a moment when the map is empty.
 *
 * A writer compares the seed after it has got the lock of a table. A reader
 * that has the old seed, or half of each, may miss an entry that is inserted
 * with the new one; but it began before this moment, so "absent" is true for
 * some moment of its lookup, too.
 */
void __gomap_draw_seed(struct gomap_dir *d)
{
	WRITE_ONCE(d->seed.key[0], get_random_u64());
	WRITE_ONCE(d->seed.key[1], get_random_u64());
}

/* The directory, for one who may change it. */
struct gomap_dir *__gomap_dir(const struct gomap *m)
{
	return rcu_dereference_protected(m->dir, lockdep_is_held(&m->lock));
}

/* Let all entries for the hashes that @t covers refer to it. */
void gomap_publish(struct gomap_dir *d, const struct gomap_table *t)
{
	struct gomap_entry *entry = gomap_dir_entry(d, t->prefix);
	struct gomap_entry *end = entry + (1UL << (d->depth - t->depth));

	for (; entry < end; entry++) {
		/* Who finds one word new and one old has fetched in vain. */
		WRITE_ONCE(entry->slots, t->slots);
		/*
		 * Release: a reader that finds the table here, by the load in
		 * gomap_word(), sees its content, and sees that its
		 * predecessor is stale. Tests: map-entry-wrc.litmus and
		 * map-iter-stale.litmus.
		 */
		smp_store_release(&entry->table, gomap_entry_word(t));
	}
}

/* Give up a next directory that was to be shorter: it must not be any more. */
void __gomap_keep_depth(struct gomap *m)
{
	struct gomap_dir *next = m->next_dir;

	if (!next || next->depth >= __gomap_dir(m)->depth)
		return;
	m->next_dir = NULL;
	/* Nobody reads it, but vfree() is not for all contexts. */
	gomap_dir_free(m, next);
}

/* The same in all directories; none of them is too short but a next one. */
void __gomap_publish(struct gomap *m, const struct gomap_table *t)
{
	struct gomap_dir *next = m->next_dir;

	gomap_publish(__gomap_dir(m), t);
	if (!next)
		return;
	if (t->depth <= next->depth)
		gomap_publish(next, t);
	else
		__gomap_keep_depth(m);
}

/* Count a table (@nr is 1) that is published, or (-1) was. */
void __gomap_count(struct gomap *m, const struct gomap_table *t, int nr)
{
	WRITE_ONCE(m->nr_tables, m->nr_tables + nr);
	WRITE_ONCE(m->slots, m->slots + nr * (long)gomap_table_slots(t));
	m->nr_at_depth[t->depth] += nr;
}

/* The depth of the deepest table: what a directory needs at least. */
static u32 __gomap_deepest(const struct gomap *m)
{
	u32 depth = GOMAP_MAX_DEPTH;

	while (depth && !m->nr_at_depth[depth])
		depth--;
	return depth;
}

/*
 * May the directory have this depth for the sake of a split? Keys that agree in
 * more and more bits would double it again and again, without filling tables.
 */
bool __gomap_depth_allowed(const struct gomap *m, u32 depth)
{
	return depth <= GOMAP_MAX_DEPTH &&
	       1ULL << depth <= (u64)m->nr_tables << GOMAP_DEPTH_SLACK;
}

/*
 * Is a longer or shorter directory, of this depth, still wanted? gomap_clear()
 * may have been first, or a reservation, or another one who wanted the same.
 * Only a reservation wants more than the next split does.
 */
static bool __gomap_wants(const struct gomap *m, u32 depth, bool longer)
{
	if (!longer)
		return depth < __gomap_dir(m)->depth &&
		       depth >= __gomap_deepest(m) && !gomap_keeps_size(m);
	return depth > __gomap_dir(m)->depth &&
	       (m->reserved || (depth <= __gomap_deepest(m) + 1 &&
				__gomap_depth_allowed(m, depth)));
}

/* The greatest depth that the directory may have beside its tables. */
static u32 __gomap_reach(const struct gomap *m)
{
	u32 depth = 0;

	while (depth < GOMAP_MAX_DEPTH && !m->nr_at_depth[depth])
		depth++;
	/* The first table of a map covers all hashes. */
	if (!m->nr_tables)
		depth = 0;
	return min_t(u32, depth + GOMAP_RUN_DEPTH, GOMAP_MAX_DEPTH);
}

/* Is it wanted, and may it be had without gomap_spread()? */
static bool __gomap_can_have(const struct gomap *m, u32 depth, bool longer)
{
	return __gomap_wants(m, depth, longer) &&
	       (!longer || depth <= __gomap_reach(m));
}

static u32 gomap_reach(struct gomap *m)
{
	unsigned long flags;
	u32 reach;

	spin_lock_irqsave(&m->lock, flags);
	reach = __gomap_reach(m);
	spin_unlock_irqrestore(&m->lock, flags);
	return reach;
}

static bool gomap_wants_longer(struct gomap *m, u32 depth)
{
	unsigned long flags;
	bool wants;

	spin_lock_irqsave(&m->lock, flags);
	wants = __gomap_wants(m, depth, true);
	spin_unlock_irqrestore(&m->lock, flags);
	return wants;
}

static bool gomap_can_lengthen(struct gomap *m, u32 depth)
{
	unsigned long flags;
	bool can;

	spin_lock_irqsave(&m->lock, flags);
	can = __gomap_can_have(m, depth, true);
	spin_unlock_irqrestore(&m->lock, flags);
	return can;
}

/* Let @d be the next directory, if it is wanted and there is no other one. */
static bool gomap_begin_next(struct gomap *m, struct gomap_dir *d, bool longer)
{
	unsigned long flags;
	bool begun;

	spin_lock_irqsave(&m->lock, flags);
	begun = !m->next_dir && __gomap_can_have(m, d->depth, longer);
	if (begun) {
		m->next_dir = d;
		m->next_done = 0;
	}
	spin_unlock_irqrestore(&m->lock, flags);
	return begun;
}

/* Fill the next slice of the next directory. Return true if it was the last. */
static bool __gomap_copy_slice(struct gomap *m)
{
	struct gomap_dir *from = __gomap_dir(m), *to = m->next_dir;
	struct gomap_entry *new = gomap_entries(to), *old = gomap_entries(from);
	size_t end = 1UL << to->depth, i = m->next_done;

	m->next_done = min(end, i + GOMAP_DIR_SLICE);
	for (; i < m->next_done; i++)
		if (to->depth >= from->depth)
			new[i] = old[i >> (to->depth - from->depth)];
		else
			new[i] = old[i << (from->depth - to->depth)];
	return m->next_done == end;
}

/* The next directory is complete: make it the directory. */
static void __gomap_switch_dir(struct gomap *m)
{
	struct gomap_dir *old = __gomap_dir(m);

	/* Only now: it may have been redrawn meanwhile. */
	m->next_dir->seed = old->seed;
	/*
	 * Pairs with rcu_dereference() in lookups. Test: map-copied-dir.litmus.
	 */
	rcu_assign_pointer(m->dir, m->next_dir);
	m->next_dir = NULL;
	gomap_dir_free(m, old);
}

/* Fill the next slice of a next directory. Return true if there are more. */
static bool gomap_copy_slice(struct gomap *m)
{
	unsigned long flags;
	bool more;

	spin_lock_irqsave(&m->lock, flags);
	more = m->next_dir && !__gomap_copy_slice(m);
	if (m->next_dir && !more)
		__gomap_switch_dir(m);
	spin_unlock_irqrestore(&m->lock, flags);
	return more;
}

/*
 * Get the next directory finished, if there is one, whoever has begun with it:
 * there cannot be another one before.
 */
static void gomap_finish_next(struct gomap *m, gfp_t gfp)
{
	while (gomap_copy_slice(m))
		if (gfpflags_allow_blocking(gfp))
			cond_resched();
}

/*
 * Replace the directory by one of this depth, as long as that is wanted and its
 * tables allow it. A next directory that is being filled is completed first, and
 * may be long enough. Return 0, or an error of gomap_mem_alloc().
 */
static int gomap_lengthen_at_once(struct gomap *m, u32 depth, gfp_t gfp)
{
	struct gomap_dir *d = NULL;

	gomap_finish_next(m, gfp);
	while (gomap_can_lengthen(m, depth)) {
		if (!d)
			d = gomap_dir_alloc(m, depth, gfp);
		if (IS_ERR(d))
			return PTR_ERR(d);
		if (gomap_begin_next(m, d, true))
			d = NULL;
		gomap_finish_next(m, gfp);
	}
	if (d)
		gomap_mem_free(m, d);
	return 0;
}

/*
 * A caller that may not block fills no long directory, neither this one nor what
 * others have begun with: the map's work item does. With __GFP_ACCOUNT that has
 * nobody to charge, and an insert that may block has to come.
 */
static bool gomap_leaves_dir(struct gomap *m, u32 depth, gfp_t gfp)
{
	unsigned long flags;
	bool is_long;

	if (gfpflags_allow_blocking(gfp))
		return false;
	spin_lock_irqsave(&m->lock, flags);
	if (m->next_dir)
		depth = max(depth, m->next_dir->depth);
	is_long = depth > GOMAP_ATOMIC_DEPTH;
	spin_unlock_irqrestore(&m->lock, flags);
	if (is_long && !(m->gfp & __GFP_ACCOUNT) && !READ_ONCE(m->dying))
		queue_work(system_dfl_wq, &m->grow_work);
	return is_long;
}

/**
 * gomap_lengthen_dir - let the directory be indexed by more bits of a hash
 * @m: the map
 * @depth: how many
 * @gfp: how to allocate
 *
 * If the greater depth is not needed any more, the call is a no-op. Tables that
 * too many entries would refer to are split first.
 *
 * Context: As @gfp says, but not NMI. No lock is held.
 * Return: 0, or -ENOMEM, also if a long directory is left to the work item.
 */
int gomap_lengthen_dir(struct gomap *m, u32 depth, gfp_t gfp)
{
	while (gomap_wants_longer(m, depth)) {
		u32 reach = gomap_reach(m);
		int err;

		if (gomap_leaves_dir(m, depth, gfp))
			return -ENOMEM;
		err = gomap_lengthen_at_once(m, min(depth, reach), gfp);
		if (!err && depth > reach)
			err = gomap_spread(m, min(depth - GOMAP_RUN_DEPTH,
						  reach), gfp);
		if (err)
			return err;
	}
	return 0;
}

/**
 * gomap_shorten_dir - do a part of making the directory shorter
 * @m: the map
 * @gfp: how to allocate
 *
 * One call allocates a shorter directory, or fills one slice of the next
 * directory. Any time may pass between two calls: writers keep the filled part up
 * to date, and publishing a table that is too deep for it drops it.
 *
 * Context: As @gfp says, but not NMI. No lock is held.
 * Return: 1 if a part was done, 0 if nothing is left to do, or -ENOMEM.
 */
int gomap_shorten_dir(struct gomap *m, gfp_t gfp)
{
	struct gomap_dir *d;
	unsigned long flags;
	bool begun, wants;
	u32 depth;

	spin_lock_irqsave(&m->lock, flags);
	begun = m->next_dir;
	depth = __gomap_deepest(m);
	wants = __gomap_wants(m, depth, false);
	spin_unlock_irqrestore(&m->lock, flags);
	if (begun) {
		gomap_copy_slice(m);
		return 1;
	}
	if (!wants)
		return 0;
	d = gomap_dir_alloc(m, depth, gfp);
	if (IS_ERR(d))
		return PTR_ERR(d);
	if (!gomap_begin_next(m, d, false))
		gomap_mem_free(m, d);
	return 1;
}

/* The depth that the directory shall get early, 0 if it has it. */
u32 __gomap_early_depth(const struct gomap *m)
{
	u32 depth = __gomap_dir(m)->depth;

	if (m->next_dir || !m->nr_at_depth[depth] ||
	    !__gomap_depth_allowed(m, depth + 1))
		return 0;
	return depth + 1;
}
