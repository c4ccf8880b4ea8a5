// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps: giving memory back, by shrinking and by clearing.
 *
 * When a map shrinks
 *	A delete that leaves fewer entries than an eighth of the slots, if there
 *	are more than 16 slots, starts a pass over the map. A work item does the
 *	pass after a short delay, so that a map that is being emptied shrinks
 *	once instead of at each halving. With __GFP_ACCOUNT a work item would
 *	have no memory cgroup to charge, so the map's owner does the pass
 *	through gomap_shrink_some(), in steps spread over the deletions.
 *	gomap_shrink() does a whole pass on demand.
 *
 * How
 *	A table that uses at most an eighth of its slots is replaced by the
 *	smallest that it fills to at most a quarter. Two tables that cover the
 *	halves of one part of the hashes merge if their entries together fill
 *	at most a quarter of a full-size table. Then the directory is replaced
 *	by the shortest that its tables need. An empty map keeps no table.
 *
 *	A pass consists of small parts, such as merging two tables or filling a
 *	slice of a directory. No lock is held from one part to the next, and a
 *	pass may rest between any two parts. A merge is put off if too many
 *	directory entries would refer to the merged table; after the directory
 *	has become shorter, the pass goes over the tables once more.
 *
 * Why that cannot thrash
 *	A new table is at most a quarter full and grows at seven eighths: its
 *	entries have to triple before memory that was given back is asked for
 *	again. And a pass that finds nothing to do raises a bar: the next one
 *	comes when half the entries have gone, or the map has grown.
 *
 * Layout, lifetime and locks: map_internal.h.
 */

#include <linux/export.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "map_internal.h"
#include "map_write.h"

/*
 * Shrinking.
 */

/* Longer than it takes to empty most maps, too short to miss the memory. */
#define GOMAP_SHRINK_DELAY	(HZ / 10)

/*
 * Upper bound of the directory entries that refer to a merged table. They are
 * written under gomap.lock; a slice of a directory has as many.
 */
#define GOMAP_MERGED_RUN	BIT(GOMAP_RUN_DEPTH)

/*
 * A step of gomap_shrink_some() ends after the part of a pass with which its work
 * reaches GOMAP_STEP_WORK. The unit is the cost of moving one entry. The most
 * expensive part, a merge of two full-size tables, counts 64 for allocating and
 * freeing, at most 256 for entries, and 64 for scanning groups.
 */
#define GOMAP_STEP_WORK		128
#define GOMAP_WORK_LOOK		2	/* inspecting a table */
#define GOMAP_WORK_MEMORY	64	/* allocating one table, freeing two */
#define GOMAP_WORK_GROUPS	4	/* groups scanned per unit */
#define GOMAP_WORK_ENTRIES	8	/* directory entries filled per unit */

/*
 * Steps of a pass per table while all entries are deleted one by one. With 1 the
 * number of tables would fall as fast as that of entries.
 */
#define GOMAP_STEPS_PER_TABLE	2

/* The table size of which @entries fill at most a quarter. */
static u32 gomap_loose_shift(const struct gomap *m, u32 entries)
{
	u32 shift = 0;

	while (shift < m->max_shift && gomap_slots(shift) < 4 * entries)
		shift++;
	return shift;
}

static bool gomap_too_large(const struct gomap *m, const struct gomap_table *t)
{
	return gomap_loose_shift(m, READ_ONCE(t->used)) < t->shift;
}

/* The table that covers the other half, if there is one such. */
static struct gomap_table *gomap_sibling(const struct gomap_dir *d,
					 const struct gomap_table *t)
{
	struct gomap_table *s;

	if (!t->depth)
		return NULL;
	s = gomap_dir_table(d, t->prefix ^ 1ULL << (64 - t->depth));
	return s && s->depth == t->depth ? s : NULL;
}

static bool gomap_can_merge(const struct gomap *m, const struct gomap_table *a,
			    const struct gomap_table *b)
{
	u32 used = READ_ONCE(a->used) + READ_ONCE(b->used);

	return used <= gomap_slots(m->max_shift) / 4;
}

/*
 * Replace the siblings @a and @b, locked, by one table. Return 1 if that was
 * done, 0 if it cannot be, or -EAGAIN if memory is missing.
 */
static int gomap_merge(struct gomap *m, struct gomap_table *a,
		       struct gomap_table *b, struct gomap_spare *sp)
{
	struct gomap_table *const old[2] = { a, b };
	struct gomap_table *new[2] = { };

	if (a->stale || b->stale || gomap_keeps_size(m) ||
	    !gomap_can_merge(m, a, b))
		return 0;
	sp->nr = 1;
	sp->shift = gomap_loose_shift(m, a->used + b->used);
	if (!gomap_spare_ready(m, sp))
		return -EAGAIN;

	swap(new[0], sp->table[0]);
	new[0]->depth = a->depth - 1;
	new[0]->prefix = a->prefix;
	if (a->used)
		gomap_move(m, a, new);
	if (b->used)
		gomap_move(m, b, new);
	return gomap_replace(m, old, new);
}

static int gomap_try_merge(struct gomap *m, struct gomap_table *t,
			   struct gomap_table *s, struct gomap_spare *sp)
{
	unsigned long flags;
	int ret;

	if (s->prefix < t->prefix)
		swap(s, t);
	spin_lock_irqsave(&t->lock, flags);
	spin_lock_nested(&s->lock, SINGLE_DEPTH_NESTING);
	ret = gomap_merge(m, t, s, sp);
	spin_unlock(&s->lock);
	spin_unlock_irqrestore(&t->lock, flags);
	return ret;
}

static int gomap_try_halve(struct gomap *m, struct gomap_table *t,
			   struct gomap_spare *sp)
{
	unsigned long flags;
	int ret = 0;

	spin_lock_irqsave(&t->lock, flags);
	if (!t->stale && !gomap_keeps_size(m) && gomap_too_large(m, t))
		ret = gomap_rebuild(m, t, gomap_loose_shift(m, t->used),
				    sp) ?: 1;
	spin_unlock_irqrestore(&t->lock, flags);
	return ret;
}

/* The work of moving the entries of @t, which has been replaced. */
static u32 gomap_work_of(const struct gomap_table *t)
{
	u32 used = READ_ONCE(t->used);

	return used ? used + (gomap_mask(t) + 1) / GOMAP_WORK_GROUPS : 0;
}

/* Would a merge of @t publish more than GOMAP_MERGED_RUN directory entries? */
static bool gomap_run_too_long(const struct gomap_dir *d,
			       const struct gomap_table *t)
{
	return 2UL << (d->depth - t->depth) > GOMAP_MERGED_RUN;
}

/*
 * Shrink the table at the position of a pass. Return 1 if a table was replaced,
 * -EAGAIN if memory is missing, or 0 if the table stays as it is; then the pass
 * moves on to the next table, or behind the last one to the directory.
 */
static int gomap_shrink_at(struct gomap *m, struct gomap_pass *p,
			   struct gomap_spare *sp)
{
	const struct gomap_dir *d = rcu_dereference(m->dir);
	struct gomap_table *t = gomap_dir_table(d, p->pos);
	struct gomap_table *s = t ? gomap_sibling(d, t) : NULL;
	int ret = 0;

	p->work += GOMAP_WORK_LOOK;
	if (s && !gomap_can_merge(m, t, s))
		s = NULL;
	if (s && gomap_run_too_long(d, t)) {
		p->again = true;
		s = NULL;
	}
	if (s)
		ret = gomap_try_merge(m, t, s, sp);
	else if (t && gomap_too_large(m, t))
		ret = gomap_try_halve(m, t, sp);
	/* A table that has been replaced keeps its content. */
	if (ret > 0)
		p->work += GOMAP_WORK_MEMORY + gomap_work_of(t) +
			   (s ? gomap_work_of(s) : 0);
	if (!ret) {
		p->pos = t ? gomap_table_last(t) + 1 : 0;
		p->in_dir = !p->pos;
	}
	return ret;
}

/* Do the next part of a pass over the tables. Return 0 or -ENOMEM. */
static int gomap_shrink_table(struct gomap *m, struct gomap_pass *p,
			      struct gomap_spare *sp, gfp_t gfp)
{
	int ret;

	rcu_read_lock();
	ret = gomap_shrink_at(m, p, sp);
	rcu_read_unlock();
	if (ret == -EAGAIN)
		return gomap_spare_fill(m, sp, gfp);
	p->done |= ret;
	return 0;
}

/* Drop the last table if it is empty. */
static void gomap_drop_last(struct gomap *m)
{
	struct gomap_table *t;
	unsigned long flags;

	rcu_read_lock();
	t = gomap_dir_table(rcu_dereference(m->dir), 0);
	if (t && !t->depth && !READ_ONCE(t->used)) {
		struct gomap_table *const old[2] = { t }, *const none[2] = { };

		spin_lock_irqsave(&t->lock, flags);
		if (!t->stale && !t->used && !gomap_keeps_size(m))
			gomap_replace(m, old, none);
		spin_unlock_irqrestore(&t->lock, flags);
	}
	rcu_read_unlock();
}

/* End the reservation, and free the pool. */
static void gomap_end_reservation(struct gomap *m, gfp_t gfp)
{
	struct gomap_table *pool;
	unsigned long flags;

	spin_lock_irqsave(&m->lock, flags);
	WRITE_ONCE(m->reserved, false);
	pool = __gomap_pool_empty(m);
	spin_unlock_irqrestore(&m->lock, flags);
	gomap_pool_free(pool, gfp);
}

/* Free what a map that is not large any more has no use for. */
static void gomap_pool_trim(struct gomap *m, gfp_t gfp)
{
	struct gomap_table *pool = NULL;
	unsigned long flags;

	spin_lock_irqsave(&m->lock, flags);
	if (!m->reserved && !__gomap_is_large(m))
		pool = __gomap_pool_empty(m);
	spin_unlock_irqrestore(&m->lock, flags);
	gomap_pool_free(pool, gfp);
}

/* The work of one call of gomap_shorten_dir(). */
static u32 gomap_dir_work(const struct gomap *m)
{
	size_t entries;

	rcu_read_lock();
	entries = 1UL << rcu_dereference(m->dir)->depth;
	rcu_read_unlock();
	return min_t(size_t, entries / GOMAP_WORK_ENTRIES, GOMAP_STEP_WORK);
}

/* Do the next part of a pass. Return 1 if there is more to do, 0, or -ENOMEM. */
static int gomap_pass_next(struct gomap *m, struct gomap_pass *p,
			   struct gomap_spare *sp, gfp_t gfp)
{
	int ret;

	if (gomap_keeps_size(m))
		return 0;
	if (!p->in_dir)
		return gomap_shrink_table(m, p, sp, gfp) ?: 1;

	ret = gomap_shorten_dir(m, gfp);
	if (ret > 0) {
		p->work += gomap_dir_work(m);
		p->shorter = true;
	}
	if (ret)
		return ret;
	if (p->again && p->shorter) {
		p->in_dir = false;
		p->again = false;
		p->shorter = false;
		return 1;
	}
	gomap_drop_last(m);
	gomap_pool_trim(m, gfp);
	if (!p->done)
		WRITE_ONCE(m->shrink_floor, gomap_len(m) / 2);
	return 0;
}

static int gomap_do_shrink(struct gomap *m, gfp_t gfp)
{
	struct gomap_spare sp = { .no_pool = true };
	struct gomap_pass p = { };
	int ret;

	do {
		ret = gomap_pass_next(m, &p, &sp, gfp);
		if (gfpflags_allow_blocking(gfp))
			cond_resched();
	} while (ret > 0);
	gomap_spare_free(m, &sp, gfp);
	return ret;
}

/* Do one step of m->pass. Return false at the end of the pass. */
static bool gomap_shrink_step(struct gomap *m, gfp_t gfp)
{
	struct gomap_spare sp = { .no_pool = true };
	struct gomap_pass *p = &m->pass;
	int ret;

	p->work = 0;
	do {
		ret = gomap_pass_next(m, p, &sp, gfp);
	} while (ret > 0 && p->work < GOMAP_STEP_WORK);
	gomap_spare_free(m, &sp, gfp);
	if (ret > 0)
		return true;
	/* Do not retry the allocation with each deletion. */
	if (ret < 0)
		WRITE_ONCE(m->shrink_floor, gomap_len(m) / 2);
	*p = (struct gomap_pass){ };
	WRITE_ONCE(m->shrink_due, false);
	return false;
}

/**
 * gomap_shrink_some - give back some of the memory that a map does not need
 * @m: the map, or NULL
 * @n: number of entries that the caller has just deleted
 * @gfp: how to allocate smaller tables
 *
 * The owner of a map with __GFP_ACCOUNT, which does not shrink by itself, calls
 * this after deletions. While a pass over the map is due, the call does steps of
 * it, at most one per deletion: the fewer entries a table has on average, the more
 * often. A step has the same bound for maps of all sizes: it replaces one or two
 * pairs of tables and moves some 300 entries at most, or inspects up to 64 tables,
 * or fills a slice of a directory. A pass stays where it is if deletions cease.
 *
 * The call is a no-op while another one is in progress. A failed allocation ends
 * the pass.
 *
 * Context: As @gfp says, but not NMI.
 * Return: true at the end of a pass: the owner may charge the map for its present
 * size.
 */
bool gomap_shrink_some(struct gomap *m, unsigned int n, gfp_t gfp)
{
	struct gomap_pass *p;
	bool more = true;

	if (!m || !n || !READ_ONCE(m->shrink_due) ||
	    test_and_set_bit_lock(0, &m->shrink_busy))
		return false;
	if (!READ_ONCE(m->shrink_due)) {
		clear_bit_unlock(0, &m->shrink_busy);
		return false;
	}
	p = &m->pass;
	p->credit += (u64)n * READ_ONCE(m->nr_tables) * GOMAP_STEPS_PER_TABLE;
	while (more && n--) {
		size_t len = gomap_len(m);

		if (p->credit < len)
			break;
		p->credit -= len;
		more = gomap_shrink_step(m, gfp);
		if (gfpflags_allow_blocking(gfp))
			cond_resched();
	}
	clear_bit_unlock(0, &m->shrink_busy);
	return !more;
}
EXPORT_SYMBOL_NS_GPL(gomap_shrink_some, GOCHAN_NS);

/* The work item: nobody is told if memory is missing, the next one will do. */
void gomap_shrink_work(struct work_struct *work)
{
	struct gomap *m = container_of(work, struct gomap, shrink_work.work);

	if (!gomap_keeps_size(m))
		gomap_do_shrink(m, GFP_KERNEL | __GFP_NOWARN);
}

/* A delete has left @used entries, which are few: is it time to shrink? */
void gomap_shrink_kick(struct gomap *m, size_t used)
{
	if (READ_ONCE(m->slots) <= 2 * GOMAP_GROUP ||
	    used >= READ_ONCE(m->shrink_floor) || READ_ONCE(m->reserved) ||
	    m->flags & GOMAP_IRREFLEXIVE)
		return;
	if (m->gfp & __GFP_ACCOUNT) {
		WRITE_ONCE(m->shrink_due, true);
		return;
	}
	/* Unbound: a pass over a large map would keep others of this CPU. */
	if (!delayed_work_pending(&m->shrink_work))
		queue_delayed_work(system_dfl_wq, &m->shrink_work,
				   GOMAP_SHRINK_DELAY);
}

/**
 * gomap_shrink - give back the memory that a map does not need
 * @m: the map, or NULL
 * @gfp: how to allocate the smaller tables
 *
 * Ends a reservation. A map does this by itself when an eighth of its slots
 * would do, unless it has a reservation, or allocates with __GFP_ACCOUNT: see
 * gomap_shrink_some(). A reservation made meanwhile stops it.
 *
 * The call goes through the whole map. It holds no lock from one table to the
 * next, and yields the processor if @gfp allows it.
 *
 * Context: As @gfp says, but not NMI.
 * Return: 0, or -ENOMEM; then the map has shrunk less than it could.
 */
int gomap_shrink(struct gomap *m, gfp_t gfp)
{
	if (!m)
		return 0;
	gomap_end_reservation(m, gfp);
	/* Iterators could not tell which of a merged table's entries is done. */
	if (m->flags & GOMAP_IRREFLEXIVE)
		return 0;
	return gomap_do_shrink(m, gfp);
}
EXPORT_SYMBOL_NS_GPL(gomap_shrink, GOCHAN_NS);

/*
 * Clearing.
 */

/* Free the values of a table that is stale, and whose values nobody else has */
static void gomap_free_blocks(const struct gomap *m,
			      const struct gomap_table *t)
{
	u32 group;

	for (group = 0; group <= gomap_mask(t); group++) {
		u64 full = gomap_match_full(t->ctrl[group]);

		for (; full; full &= full - 1) {
			u32 nr = group * GOMAP_GROUP + gomap_first(full);
			void *slot = gomap_slot(m, t, nr, m->kind);
			struct gomap_block *block;

			block = *gomap_slot_block(m, slot, m->kind);
			gomap_block_free(m, block);
		}
	}
}

/* Put an end to all tables of @d, which is not the map's directory any more. */
static void gomap_sweep(struct gomap *m, struct gomap_dir *d)
{
	struct gomap_table *t;
	size_t i = 0;

	while ((t = gomap_next_table(d, &i))) {
		spin_lock_irq(&t->lock);
		WRITE_ONCE(t->stale, true);
		atomic_long_sub(t->used, &m->used);
		spin_unlock_irq(&t->lock);

		if (gomap_outline(m, m->kind))
			gomap_free_blocks(m, t);
		gomap_table_put(t);
		cond_resched();
	}
	gomap_dir_free(m, d);
}

/* Has the map neither a table nor more than the shortest directory? */
static bool gomap_is_bare(const struct gomap *m)
{
	const struct gomap_dir *d;
	bool bare;

	rcu_read_lock();
	d = rcu_dereference(m->dir);
	bare = !d->depth && !gomap_dir_table(d, 0);
	rcu_read_unlock();
	return bare;
}

/**
 * gomap_clear - remove all entries
 * @m: the map, or NULL
 *
 * Also those whose key differs from itself. The map gets an empty directory
 * with a new seed, then the old tables are given up one by one. Lookups see all
 * entries or none of them; gomap_len() comes down gradually, and @max_entries
 * counts the old ones until they are gone. An insert that runs concurrently may
 * be cleared away or not; one that begins after gomap_clear() has returned
 * stays, and nothing from before the call is seen any more.
 *
 * The memory goes back, and so does a reservation made before the call.
 *
 * Context: Process context. May sleep. Allocates a directory of one entry with
 * GFP_KERNEL | __GFP_NOFAIL, so not where reclaim must not start I/O or enter
 * a file system, unless within memalloc_noio_save() or memalloc_nofs_save().
 */
void gomap_clear(struct gomap *m)
{
	struct gomap_dir *d, *old, *next;

	might_sleep();
	if (!m)
		return;
	gomap_end_reservation(m, GFP_KERNEL);
	if (gomap_is_bare(m))
		return;
	/* Less than 100 bytes: nothing the caller could do better without. */
	d = gomap_dir_alloc(m, 0, GFP_KERNEL | __GFP_NOFAIL);
	get_random_bytes(&d->seed, sizeof(d->seed));

	spin_lock_irq(&m->lock);
	old = __gomap_dir(m);
	next = m->next_dir;
	m->next_dir = NULL;
	/*
	 * From here on no old table is replaced: gomap_replace() looks for it
	 * in vain. Who has one locked may still change it, see gomap_sweep().
	 */
	write_seqcount_begin(&m->changes);
	rcu_assign_pointer(m->dir, d);
	write_seqcount_end(&m->changes);
	WRITE_ONCE(m->nr_tables, 0);
	WRITE_ONCE(m->slots, 0);
	WRITE_ONCE(m->shrink_floor, SIZE_MAX);
	memset(m->nr_at_depth, 0, sizeof(m->nr_at_depth));
	spin_unlock_irq(&m->lock);

	/* Nobody has read it. */
	if (next)
		gomap_mem_free(m, next);
	gomap_pool_trim(m, GFP_KERNEL);
	gomap_sweep(m, old);
}
EXPORT_SYMBOL_NS_GPL(gomap_clear, GOCHAN_NS);

/**
 * gomap_destroy - free everything a map has
 * @m: the map, or NULL
 *
 * Nobody may use the map any more, and all iterators must have ended.
 *
 * Context: Process context. May sleep.
 */
void gomap_destroy(struct gomap *m)
{
	if (!m)
		return;
	/* Before waiting for the work: it stops after the next table. */
	WRITE_ONCE(m->dying, true);
	cancel_work_sync(&m->grow_work);
	cancel_delayed_work_sync(&m->shrink_work);
	/* A pass may have left a directory half filled. */
	if (m->next_dir)
		gomap_mem_free(m, m->next_dir);
	gomap_sweep(m, rcu_dereference_protected(m->dir, true));
	gomap_end_reservation(m, GFP_KERNEL);
}
EXPORT_SYMBOL_NS_GPL(gomap_destroy, GOCHAN_NS);
