// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps: what happens when a table is full (pruning, doubling, splitting), and
 * memory that is taken in advance (hints, reservations).
 *
 * A table grows under its own lock, into tables that nobody else knows yet. The
 * work is bounded by its 1024 slots. If the directory is too short for a split,
 * the insert has to make it longer first, see map_dir.c. Who meets the old
 * table's lock meanwhile finds it stale and goes back to the directory.
 *
 * Layout, lifetime and locks: map_internal.h.
 */

#include <linux/export.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "map_internal.h"
#include "map_key.h"

/*
 * Pruning.
 */

/* Not worth it for less than a tenth of the slots: growth comes soon anyway. */
static bool gomap_too_few(const struct gomap_table *t, u32 tombstones)
{
	return tombstones * 10 < gomap_table_slots(t);
}

/*
 * What gomap_passed() would be if the entries had just come: not 0 for the groups
 * that the search for some entry passes without stopping.
 */
static void gomap_note_all_passed(const struct gomap *m,
				  const struct gomap_table *t, u8 *passed)
{
	siphash_key_t seed = gomap_seed(rcu_dereference(m->dir), m->kind);
	u32 mask = gomap_mask(t), group;

	for (group = 0; group <= mask; group++) {
		u64 full = gomap_match_full(t->ctrl[group]);

		for (; full; full &= full - 1) {
			u32 nr = group * GOMAP_GROUP + gomap_first(full);
			void *slot = gomap_slot(m, t, nr, m->kind);
			struct gomap_key k = gomap_slot_key(m, slot, m->kind);
			struct gomap_probe p;

			if (!gomap_reflexive(m, &k, m->kind))
				continue;
			k.hash = gomap_hash(m, &k, &seed, m->kind);
			p = gomap_probe_start(k.hash, mask);
			for (; p.group != group; gomap_probe_next(&p, mask))
				passed[p.group] |= 1 << gomap_class(k.hash);
		}
	}
}

/**
 * gomap_prune - make tombstones that no search needs into empty slots
 * @m: the map
 * @t: a locked table
 *
 * A tombstone keeps a search from stopping. In a group that no search for an
 * entry passes it is useless. All tombstones of a group go or stay, so no group
 * gets both empty and deleted slots; no entry moves. What removed entries have left
 * in gomap_passed() goes, too, or all of its bits would be set sooner or later.
 *
 * Context: Any but NMI, in an RCU section. The table's lock is held.
 * Return: true if the table has room now.
 */
bool gomap_prune(const struct gomap *m, struct gomap_table *t)
{
	u8 passed[1 << GOMAP_MAX_SHIFT] = { };
	u32 mask = gomap_mask(t), group, count = 0;

	if (gomap_too_few(t, gomap_tombstones(t)))
		return false;
	gomap_note_all_passed(m, t, passed);
	for (group = 0; group <= mask; group++)
		if (!passed[group])
			count += hweight64(gomap_match_deleted(t->ctrl[group]));
	if (gomap_too_few(t, count))
		return false;

	write_seqcount_begin(&t->seq);
	for (group = 0; group <= mask; group++) {
		u64 deleted = gomap_match_deleted(t->ctrl[group]);

		WRITE_ONCE(*gomap_passed(t->ctrl, group), passed[group]);
		/* DELETED is EMPTY and some of the lower 7 bits. */
		if (!passed[group])
			WRITE_ONCE(t->ctrl[group], t->ctrl[group] &
				   ~((deleted >> 7) * GOMAP_FULL));
	}
	write_seqcount_end(&t->seq);
	WRITE_ONCE(t->growth_left, t->growth_left + count);
	return true;
}

/*
 * Growing.
 */

/*
 * Between two parts of something long. Return 0, or -EINTR: nobody waits for a
 * map that a caller makes, or fills, when it is about to die.
 */
static int gomap_breathe(gfp_t gfp)
{
	if (!gfpflags_allow_blocking(gfp))
		return 0;
	cond_resched();
	return fatal_signal_pending(current) ? -EINTR : 0;
}

/**
 * gomap_rebuild - replace a table by one of another size
 * @m: the map
 * @t: a locked table
 * @shift: log2 of the groups of the new one, enough for the entries
 * @sp: memory; what is missing is noted
 *
 * Context: Any but NMI, in an RCU section. The table's lock is held; takes the
 * map's.
 * Return: 0: let go of the table, and start again from the directory; -EAGAIN
 * if memory is missing.
 */
int gomap_rebuild(struct gomap *m, struct gomap_table *t, u32 shift,
		  struct gomap_spare *sp)
{
	struct gomap_table *const old[2] = { t };
	struct gomap_table *new[2] = { };

	sp->nr = 1;
	sp->shift = shift;
	sp->depth = 0;
	if (!gomap_spare_ready(m, sp))
		return -EAGAIN;

	swap(new[0], sp->table[0]);
	new[0]->depth = t->depth;
	new[0]->prefix = t->prefix;
	gomap_move(m, t, new);
	gomap_replace(m, old, new);
	return 0;
}

/*
 * The depth of the directory that the split of a locked table asks for, 0 if it
 * is deep enough, or -E2BIG.
 */
static int gomap_split_depth(struct gomap *m, const struct gomap_table *t)
{
	const struct gomap_dir *d;
	int depth = 0;

	spin_lock(&m->lock);
	d = __gomap_dir(m);
	if (gomap_current(d, t) && t->depth == d->depth)
		depth = __gomap_depth_allowed(m, d->depth + 1) ? d->depth + 1 :
								 -E2BIG;
	spin_unlock(&m->lock);
	return depth;
}

/* Into two tables of 1 << @shift groups each, enough for all entries. */
static int gomap_split(struct gomap *m, struct gomap_table *t, u32 shift,
		       struct gomap_spare *sp)
{
	struct gomap_table *const old[2] = { t };
	struct gomap_table *new[2] = { };
	int depth = gomap_split_depth(m, t);
	int i;

	if (depth < 0)
		return depth;
	sp->nr = 2;
	sp->shift = shift;
	sp->depth = depth;
	if (!gomap_spare_ready(m, sp))
		return -EAGAIN;

	for (i = 0; i < 2; i++) {
		swap(new[i], sp->table[i]);
		new[i]->depth = t->depth + 1;
		new[i]->prefix = t->prefix | (u64)i << (63 - t->depth);
	}
	gomap_move(m, t, new);
	gomap_replace(m, old, new);
	return 0;
}

/**
 * gomap_grow - replace a full table by a larger one or by two
 * @m: the map
 * @t: a locked table
 * @sp: memory; what is missing is noted
 *
 * Context: Any but NMI, in an RCU section. The table's lock is held; takes the
 * map's.
 * Return: 0: let go of the table, and start again from the directory; -EAGAIN
 * if memory is missing; -E2BIG if the directory must not get deeper.
 */
int gomap_grow(struct gomap *m, struct gomap_table *t, struct gomap_spare *sp)
{
	if (t->shift < m->max_shift)
		return gomap_rebuild(m, t, t->shift + 1, sp);
	return gomap_split(m, t, m->max_shift, sp);
}

/*
 * Split the table at the hash @pos, empty or not, if it is shallower than @depth.
 * Return 1 to look again, or -EAGAIN if memory is missing; or 0 if there is no
 * need to: then @pos is the beginning of the next table, 0 behind the last one.
 */
static int gomap_spread_at(struct gomap *m, u64 *pos, u32 depth,
			   struct gomap_spare *sp)
{
	const struct gomap_dir *d = rcu_dereference(m->dir);
	struct gomap_table *t = gomap_dir_table(d, *pos);
	unsigned long flags;
	int ret = 1;

	if (!t)
		return gomap_first_table(m, 0, sp) ?: 1;
	/* A directory that has become shorter is not what this is for. */
	if (t->depth >= min(depth, d->depth)) {
		*pos = gomap_table_last(t) + 1;
		return 0;
	}
	spin_lock_irqsave(&t->lock, flags);
	if (!t->stale && !gomap_split_depth(m, t))
		ret = gomap_split(m, t, t->shift, sp) ?: 1;
	spin_unlock_irqrestore(&t->lock, flags);
	return ret;
}

/**
 * gomap_spread - let no table be shallower than this
 * @m: the map
 * @depth: less than that of the directory
 * @gfp: how to allocate
 *
 * Bounds how many directory entries refer to a table, before the directory becomes
 * longer: see GOMAP_RUN_DEPTH. Tables get this shallow only beside much deeper
 * ones, or in a small map with a large reservation; there are few of them.
 *
 * Context: As @gfp says, but not NMI. No lock is held.
 * Return: 0 or -ENOMEM.
 */
int gomap_spread(struct gomap *m, u32 depth, gfp_t gfp)
{
	/* The pool is for inserts. */
	struct gomap_spare sp = { .no_pool = true };
	u64 pos = 0;
	int ret;

	do {
		rcu_read_lock();
		ret = gomap_spread_at(m, &pos, depth, &sp);
		rcu_read_unlock();
		if (ret == -EAGAIN)
			ret = gomap_spare_fill(m, &sp, gfp) ?: 1;
		if (gfpflags_allow_blocking(gfp))
			cond_resched();
	} while (ret > 0 || (!ret && pos));
	gomap_spare_free(m, &sp, gfp);
	return ret;
}

/*
 * Memory in advance.
 */

static void gomap_fill_pool(struct gomap *m, unsigned int nr)
{
	const gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;

	while (READ_ONCE(m->nr_pool) < nr && !READ_ONCE(m->dying)) {
		struct gomap_table *t;

		t = gomap_table_alloc(m, m->max_shift, gfp);
		if (IS_ERR(t) || !gomap_pool_give(m, t, false, gfp))
			break;
	}
}

/*
 * The work item of a large map: get what the next splits need. If memory is
 * missing, the insert that needs it will say so.
 */
void gomap_grow_work(struct work_struct *work)
{
	struct gomap *m = container_of(work, struct gomap, grow_work);
	bool large;
	u32 depth;

	/* The directory also for inserts that leave it, see gomap_leaves_dir(). */
	spin_lock_irq(&m->lock);
	large = __gomap_is_large(m);
	depth = m->gfp & __GFP_ACCOUNT ? 0 : __gomap_early_depth(m);
	spin_unlock_irq(&m->lock);
	if (large)
		gomap_fill_pool(m, GOMAP_POOL);
	if (depth && !READ_ONCE(m->dying))
		gomap_lengthen_dir(m, depth, GFP_KERNEL | __GFP_NOWARN);
}

/* An insert may have split a table: does a large map need anything? */
void gomap_grow_kick(struct gomap *m)
{
	unsigned long flags;
	bool wants;

	spin_lock_irqsave(&m->lock, flags);
	wants = __gomap_is_large(m) &&
		(__gomap_early_depth(m) || m->nr_pool < GOMAP_POOL);
	spin_unlock_irqrestore(&m->lock, flags);
	if (wants)
		queue_work(system_dfl_wq, &m->grow_work);
}

/**
 * gomap_stock - get ready a part of what the next split needs
 * @m: the map
 * @gfp: how to allocate
 *
 * For the last inserts before a full-size table is full, each of which pays for
 * one thing: the dearest insert of all is the one that moves the entries, and
 * need not allocate as well. If memory is missing it will say so: an insert that
 * has succeeded does not take the last of it, nor kill for it. The directory of a
 * large map is left to its work item.
 *
 * Context: As @gfp says, but not NMI. No lock is held.
 */
void gomap_stock(struct gomap *m, gfp_t gfp)
{
	struct gomap_table *t;
	unsigned long flags;
	bool is_short;
	u32 depth;

	spin_lock_irqsave(&m->lock, flags);
	depth = m->reserved || __gomap_is_large(m) ? 0 : __gomap_early_depth(m);
	is_short = !m->reserved && __gomap_pool_is_short(m);
	spin_unlock_irqrestore(&m->lock, flags);

	gfp &= ~__GFP_HIGH;
	gfp |= __GFP_NOWARN | __GFP_NORETRY | __GFP_NOMEMALLOC;
	if (depth)
		gomap_lengthen_dir(m, depth, gfp);
	if (!is_short)
		return;
	t = gomap_table_alloc(m, m->max_shift, gfp);
	if (!IS_ERR(t))
		gomap_pool_give(m, t, true, gfp);
}

/* Make @nr tables, a power of two, of 1 << @shift groups each. */
static int gomap_make_tables(struct gomap *m, size_t nr, u32 shift, gfp_t gfp)
{
	struct gomap_dir *d = &m->first_dir;
	size_t i;
	int err;

	if (nr > 1) {
		d = gomap_dir_alloc(m, ilog2(nr), gfp);
		if (IS_ERR(d))
			return PTR_ERR(d);
		d->seed = m->first_dir.seed;
		rcu_assign_pointer(m->dir, d);
	}
	for (i = 0; i < nr; i++) {
		struct gomap_table *t = gomap_table_alloc(m, shift, gfp);

		if (IS_ERR(t))
			return PTR_ERR(t);
		t->depth = d->depth;
		t->prefix = (u64)i << 1 << (63 - d->depth);
		gomap_publish(d, t);
		__gomap_count(m, t, 1);
		err = gomap_breathe(gfp);
		if (err)
			return err;
	}
	return 0;
}

/**
 * gomap_setup - make the tables that a hint asks for
 * @m: a new map, which nobody else knows
 * @hint: entries to be expected; a number beyond all bounds is ignored
 * @gfp: how to allocate
 *
 * Context: As @gfp says.
 * Return: 0, or -ENOMEM or -EINTR; then the map has some of the tables.
 */
int gomap_setup(struct gomap *m, size_t hint, gfp_t gfp)
{
	u32 max_slots = gomap_slots(m->max_shift);
	u64 target, nr;

	/* The first group comes with the first insert. */
	if (hint <= GOMAP_GROUP || hint > (u64)max_slots << GOMAP_MAX_DEPTH)
		return 0;
	target = div_u64((u64)hint * 8, 7);
	nr = roundup_pow_of_two(DIV_ROUND_UP_ULL(target, max_slots));
	if (nr > 1UL << GOMAP_MAX_DEPTH)
		return 0;
	target = max_t(u64, target >> ilog2(nr), GOMAP_GROUP);
	return gomap_make_tables(m, nr,
				 order_base_2(target) - ilog2(GOMAP_GROUP),
				 gfp);
}

/* Free what gomap_setup() has made before it failed, and nobody else has seen. */
void gomap_undo_setup(struct gomap *m, gfp_t gfp)
{
	struct gomap_dir *d = rcu_dereference_protected(m->dir, true);
	struct gomap_table *t;
	size_t i = 0;

	while ((t = gomap_next_table(d, &i))) {
		gomap_table_free(t);
		if (gfpflags_allow_blocking(gfp))
			cond_resched();
	}
	if (d != &m->first_dir)
		gomap_mem_free(m, d);
}

/*
 * Let the only table of a map have room for @n more entries. Return 0 if it
 * has, -EAGAIN if memory is missing, -E2BIG if one table is not enough, or 1 to
 * look again.
 */
static int gomap_try_widen(struct gomap *m, size_t n, struct gomap_spare *sp)
{
	const struct gomap_dir *d = rcu_dereference(m->dir);
	struct gomap_table *t = gomap_dir_table(d, 0);
	unsigned long flags;
	int ret;

	if (!t)
		return gomap_first_table(m, gomap_shift_for(n), sp) ?: 1;
	if (t->depth)
		return -E2BIG;

	spin_lock_irqsave(&t->lock, flags);
	if (t->stale)
		ret = 1;
	else if (t->growth_left >= n)
		ret = 0;
	else if (gomap_shift_for(t->used + n) > m->max_shift)
		ret = -E2BIG;
	else
		ret = gomap_rebuild(m, t, gomap_shift_for(t->used + n),
				    sp) ?: 1;
	spin_unlock_irqrestore(&t->lock, flags);
	return ret;
}

/* Return 0, -ENOMEM, or -E2BIG if one table is not enough. */
static int gomap_widen(struct gomap *m, size_t n, gfp_t gfp)
{
	struct gomap_spare sp = { };
	int ret;

	if (n > gomap_limit(m->max_shift))
		return -E2BIG;
	do {
		rcu_read_lock();
		ret = gomap_try_widen(m, n, &sp);
		rcu_read_unlock();
		if (ret == -EAGAIN)
			ret = gomap_spare_fill(m, &sp, gfp) ?: 1;
	} while (ret > 0);
	gomap_spare_free(m, &sp, gfp);
	return ret;
}

/*
 * Might the table at the hash *@pos be full within @n inserts? Return the depth of
 * the directory that its split asks for, or 0. A shrinker that has not seen the
 * reservation yet holds the lock of the table that it replaces: so we find
 * either that one stale, or nobody shrinks it any more. Test:
 * map-reserve-shrink.litmus.
 */
static u32 gomap_low_depth(const struct gomap *m, u64 *pos, size_t n)
{
	struct gomap_table *t = gomap_walk(m, pos);
	unsigned long flags;
	bool enough;

	if (!t)
		return 0;
	spin_lock_irqsave(&t->lock, flags);
	enough = !t->stale && t->growth_left >= n;
	spin_unlock_irqrestore(&t->lock, flags);
	return enough ? 0 : t->depth + 1;
}

/*
 * How many of the tables might be full within @n inserts, and how deep the
 * directory must be for them to be split once. Return 0 or -EINTR.
 */
static int gomap_count_low(const struct gomap *m, size_t n, size_t *low,
			   u32 *depth, gfp_t gfp)
{
	u64 pos = 0;
	int err;

	do {
		u32 deep;

		rcu_read_lock();
		deep = gomap_low_depth(m, &pos, n);
		rcu_read_unlock();
		*low += !!deep;
		*depth = max(*depth, deep);
		err = gomap_breathe(gfp);
	} while (!err && pos);
	return err;
}

static int gomap_reserve_depth(struct gomap *m, u32 depth, gfp_t gfp)
{
	bool enough;

	rcu_read_lock();
	enough = rcu_dereference(m->dir)->depth >= depth;
	rcu_read_unlock();
	return enough ? 0 : gomap_lengthen_dir(m, depth, gfp);
}

/*
 * Fill the pool for @n inserts, and deepen the directory. Of the tables that
 * may get full, each takes two to split, and an insert fills at most one. Then
 * the halves have some 448 entries of 896. That one has more than 640, or that
 * a part of the hashes meant for half a table brings it more than 896, are
 * deviations of 12 and more sigmas.
 */
static int gomap_reserve_pool(struct gomap *m, size_t n, gfp_t gfp)
{
	u32 quarter = gomap_slots(m->max_shift) / 4, depth = 0;
	size_t entries = gomap_len(m) + n, full = 0;
	int err;

	err = gomap_count_low(m, n, &full, &depth, gfp);
	if (err)
		return err;
	full = min(full, n) + n / quarter + 1;
	depth = max_t(u32, depth, order_base_2(entries / quarter / 2 + 1) + 1);
	err = gomap_reserve_depth(m, min_t(u32, depth, GOMAP_MAX_DEPTH), gfp);
	while (!err && READ_ONCE(m->nr_pool) < 2 * full) {
		struct gomap_table *t = gomap_table_alloc(m, m->max_shift, gfp);

		if (IS_ERR(t))
			return PTR_ERR(t);
		/* Somebody has ended the reservation meanwhile. */
		if (!gomap_pool_give(m, t, false, gfp))
			break;
		err = gomap_breathe(gfp);
	}
	return err;
}

static void gomap_set_reserved(struct gomap *m)
{
	unsigned long flags;

	spin_lock_irqsave(&m->lock, flags);
	WRITE_ONCE(m->reserved, true);
	__gomap_keep_depth(m);
	spin_unlock_irqrestore(&m->lock, flags);
}

/**
 * gomap_reserve - make memory available for inserts to come
 * @m: the map
 * @n: number of inserts, from now on, that shall not need any more memory
 * @gfp: how to allocate
 *
 * A map that fits into one table gets a table with room for @n more entries:
 * then the promise is unconditional. A larger one gets a pool of full-size
 * tables, two for each of at most min(tables with room for less than @n,
 * @n) + @n / 256 + 1 splits, and a directory deep enough. That suffices for any
 * keys as long as their hashes are spread evenly. With callers that insert
 * concurrently, @n is what all of them insert together.
 *
 * What is reserved stays with the map, which does not shrink by itself any
 * more, until gomap_shrink() or gomap_clear().
 *
 * Context: As @gfp says, but not NMI.
 * Return: 0, or -ENOMEM, or -EINTR if a signal is about to kill the caller, which
 * may sleep; then the map keeps what it has got so far. -EINVAL if values are kept
 * outside the tables: each insert allocates its own. -EBADF if
 * @m is NULL.
 */
int gomap_reserve(struct gomap *m, size_t n, gfp_t gfp)
{
	size_t used;
	int err;

	if (!m)
		return -EBADF;
	if (gomap_outline(m, GOMAP_KANY))
		return -EINVAL;
	used = gomap_len(m);
	if (m->max_entries)
		n = min(n, m->max_entries - min(m->max_entries, used));
	if (!n)
		return 0;

	gomap_set_reserved(m);
	err = gomap_widen(m, n, gfp);
	if (err == -E2BIG)
		err = gomap_reserve_pool(m, n, gfp);
	return err;
}
EXPORT_SYMBOL_NS_GPL(gomap_reserve, GOCHAN_NS);
