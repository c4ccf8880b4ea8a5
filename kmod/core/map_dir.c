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
 * Layout, lifetime and locks: map_internal.h.
 */

#include <linux/mm.h>
#include <linux/slab.h>

#include "map_internal.h"

/*
 * Entries copied under the lock at a time: a few microseconds with interrupts
 * off, as the split of a table takes, too.
 */
#define GOMAP_DIR_SLICE		1024

/* Make a directory without entries and seed, or return NULL. */
struct gomap_dir *gomap_dir_alloc(const struct gomap *m, unsigned long depth,
				  gfp_t gfp)
{
	struct gomap_dir *d;

	d = gomap_mem_alloc(m, gomap_dir_size(depth), gfp | __GFP_ZERO);
	if (d)
		d->depth = depth;
	return d;
}

/* Free a directory that lookups may still be reading. */
void gomap_dir_free(struct gomap *m, struct gomap_dir *d)
{
	if (d && d != &m->first_dir)
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

	/*
	 * Release: who finds the table here, by the load in gomap_word(),
	 * sees its content, and sees that its predecessor is stale.
	 */
	for (; entry < end; entry++) {
		/* Who finds one word new and one old has fetched in vain. */
		WRITE_ONCE(entry->slots, t->slots);
		smp_store_release(&entry->table,
				  gomap_entry_word(t)); /* as said above */
	}
}

/* The same in all directories; none of them is too short but a next one. */
void __gomap_publish(struct gomap *m, const struct gomap_table *t)
{
	struct gomap_dir *next = m->next_dir;

	gomap_publish(__gomap_dir(m), t);
	if (!next)
		return;
	if (t->depth <= next->depth) {
		gomap_publish(next, t);
	} else {
		/* It was to be shorter, and cannot be any more. */
		m->next_dir = NULL;
		gomap_dir_free(m, next);
	}
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
 * Is @d still a better directory than the one there is? gomap_clear() may have
 * been first, or a reservation, or another one who wanted the same.
 */
static bool __gomap_wants(const struct gomap *m, const struct gomap_dir *d)
{
	if (m->next_dir || d->depth == __gomap_dir(m)->depth)
		return false;
	if (d->depth > __gomap_dir(m)->depth)
		return m->reserved || __gomap_depth_allowed(m, d->depth);
	return d->depth >= __gomap_deepest(m) && !gomap_keeps_size(m);
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

/*
 * Make the next directory the directory, and return that. Also if somebody else
 * has begun with it: it has to get finished before there can be another one.
 */
static struct gomap_dir *gomap_finish_next(struct gomap *m)
{
	struct gomap_dir *old = NULL;
	unsigned long flags;
	bool more = true;

	while (more) {
		spin_lock_irqsave(&m->lock, flags);
		more = m->next_dir;
		if (more && __gomap_copy_slice(m)) {
			old = __gomap_dir(m);
			/* Only now: it may have been redrawn meanwhile. */
			m->next_dir->seed = old->seed;
			/* Pairs with rcu_dereference() in lookups. */
			rcu_assign_pointer(m->dir, m->next_dir);
			m->next_dir = NULL;
			more = false;
		}
		spin_unlock_irqrestore(&m->lock, flags);
	}
	return old;
}

/**
 * gomap_resize_dir - replace the directory by one of another depth
 * @m: the map
 * @depth: how many bits of a hash it shall be indexed by
 * @gfp: how to allocate
 *
 * If it does not need to be done any more it is not.
 *
 * Context: As @gfp says, but not NMI. No lock is held.
 * Return: 0 or -ENOMEM.
 */
int gomap_resize_dir(struct gomap *m, u32 depth, gfp_t gfp)
{
	struct gomap_dir *d = gomap_dir_alloc(m, depth, gfp);
	unsigned long flags;

	if (!d)
		return -ENOMEM;
	spin_lock_irqsave(&m->lock, flags);
	if (__gomap_wants(m, d)) {
		m->next_dir = d;
		m->next_done = 0;
		d = NULL;
	}
	spin_unlock_irqrestore(&m->lock, flags);
	gomap_dir_free(m, gomap_finish_next(m));
	kvfree(d);
	return 0;
}

/* Make the directory as short as its tables allow. Return 0 or -ENOMEM. */
int gomap_shorten_dir(struct gomap *m, gfp_t gfp)
{
	unsigned long flags;
	u32 depth, deepest;

	spin_lock_irqsave(&m->lock, flags);
	depth = __gomap_dir(m)->depth;
	deepest = __gomap_deepest(m);
	spin_unlock_irqrestore(&m->lock, flags);
	return deepest < depth ? gomap_resize_dir(m, deepest, gfp) : 0;
}

/* The depth that a large map's directory shall get early, 0 if it has it. */
u32 __gomap_early_depth(const struct gomap *m)
{
	u32 depth = __gomap_dir(m)->depth;

	if (!__gomap_is_large(m) || m->next_dir || !m->nr_at_depth[depth] ||
	    !__gomap_depth_allowed(m, depth + 1))
		return 0;
	return depth + 1;
}
