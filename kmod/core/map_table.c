// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps: tables and directories, how they are made and freed, and how new
 * tables take the place of old ones.
 *
 * Layout, lifetime and locks: map_internal.h.
 *
 * Conventions in all map files: @m is a map, @d a directory, @t a table, @slot
 * the number of a slot in its table, @k a key, @sp the memory an operation has
 * got so far. A leading "__" means that gomap.lock is held.
 */

#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "map_internal.h"
#include "map_key.h"

/*
 * Memory. Only callers that may block fall back to vmalloc(): not all kernels
 * can do that in an interrupt.
 */
static void *gomap_mem_alloc(const struct gomap *m, size_t size, gfp_t gfp)
{
	gfp |= m->gfp | __GFP_ZERO;
	if (gfpflags_allow_blocking(gfp))
		return kvmalloc(size, gfp);
	return kmalloc(size, gfp | __GFP_NOWARN);
}

/* Make an empty table, or return NULL. */
struct gomap_table *gomap_table_alloc(const struct gomap *m, u32 shift,
				      gfp_t gfp)
{
	struct gomap_table *t;

	BUILD_BUG_ON(ARCH_KMALLOC_MINALIGN <= GOMAP_SHIFT_MASK);
	BUILD_BUG_ON(GOMAP_MAX_SHIFT > GOMAP_SHIFT_MASK);

	t = gomap_mem_alloc(m, struct_size(t, ctrl, 1UL << shift), gfp);
	if (!t)
		return NULL;
	t->slots = gomap_mem_alloc(m, gomap_slots(shift) * m->slot_size, gfp);
	if (!t->slots) {
		kvfree(t);
		return NULL;
	}
	spin_lock_init(&t->lock);
	seqcount_spinlock_init(&t->seq, &t->lock);
	refcount_set(&t->refs, 1);
	t->shift = shift;
	gomap_table_wipe(t);
	return t;
}

/* Free a table that was never published. */
void gomap_table_free(struct gomap_table *t)
{
	if (!t)
		return;
	kvfree(t->slots);
	kvfree(t);
}

static void gomap_table_free_rcu(struct rcu_head *rcu)
{
	gomap_table_free(container_of(rcu, struct gomap_table, rcu));
}

/* Give a reference back. */
void gomap_table_put(struct gomap_table *t)
{
	if (t && refcount_dec_and_test(&t->refs))
		call_rcu(&t->rcu, gomap_table_free_rcu);
}

/* Forget all entries and tombstones; the slots of entries are not cleared. */
void gomap_table_wipe(struct gomap_table *t)
{
	u32 group;

	for (group = 0; group <= gomap_mask(t); group++)
		WRITE_ONCE(t->ctrl[group], GOMAP_ALL_EMPTY);
	WRITE_ONCE(t->used, 0);
	WRITE_ONCE(t->growth_left, gomap_limit(t->shift));
}

/* Make a directory without entries and seed, or return NULL. */
struct gomap_dir *gomap_dir_alloc(const struct gomap *m, unsigned long depth,
				  gfp_t gfp)
{
	struct gomap_dir *d;

	d = gomap_mem_alloc(m, sizeof(*d) + (sizeof(long) << depth), gfp);
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

/* The directory, for one who may change it. */
struct gomap_dir *__gomap_dir(const struct gomap *m)
{
	return rcu_dereference_protected(m->dir, lockdep_is_held(&m->lock));
}

/* Let all entries for the hashes that @t covers refer to it. */
void gomap_publish(struct gomap_dir *d, const struct gomap_table *t)
{
	unsigned long *entry = gomap_entries(d) + gomap_index(t->prefix, d->depth);
	unsigned long *end = entry + (1UL << (d->depth - t->depth));

	/*
	 * Release: who finds the table here, by the load in gomap_dir_entry(),
	 * sees its content, and sees that its predecessor is stale.
	 */
	for (; entry < end; entry++)
		smp_store_release(entry, gomap_entry(t)); /* as said above */
}

/* Make @to the same as @from, at another depth. */
void gomap_dir_copy(struct gomap_dir *to, const struct gomap_dir *from)
{
	unsigned long *new = gomap_entries(to), *old = gomap_entries(from);
	size_t i;

	to->seed = from->seed;
	for (i = 0; i < 1UL << to->depth; i++)
		if (to->depth >= from->depth)
			new[i] = old[i >> (to->depth - from->depth)];
		else
			new[i] = old[i << (from->depth - to->depth)];
}

/*
 * Moving entries.
 */

/* Put an entry into a table that has room and no tombstones. */
static __always_inline void gomap_move_slot(const struct gomap *m,
					    struct gomap_table *t, u64 hash,
					    const void *from,
					    enum gomap_kind kind)
{
	bool tombstone;
	u32 slot = gomap_find_free(t, hash, &tombstone);

	gomap_copy(gomap_slot(m, t, slot, kind), from,
		   gomap_slot_size(m, kind));
	gomap_set_ctrl(t, slot, gomap_h2(hash));
	t->used++;
	t->growth_left--;
}

static __always_inline int gomap_do_move(const struct gomap *m,
					 const struct gomap_table *from,
					 struct gomap_table *const to[2],
					 enum gomap_kind kind)
{
	siphash_key_t seed = gomap_seed(rcu_dereference(m->dir));
	u32 group;

	for (group = 0; group <= gomap_mask(from); group++) {
		u64 full = gomap_match_full(from->ctrl[group]);

		for (; full; full &= full - 1) {
			u32 nr = group * GOMAP_GROUP + gomap_first(full);
			void *slot = gomap_slot(m, from, nr, kind);
			struct gomap_key k = gomap_slot_key(m, slot, kind);
			u64 hash = gomap_store_hash(m, &k, &seed, kind);
			bool right = to[1] && hash >> (63 - from->depth) & 1;

			gomap_move_slot(m, to[right], hash, slot, kind);
		}
	}
	return 0;
}

/*
 * Copy the entries of the locked table @from into new tables nobody else
 * knows: into @to[0], or with @to[1], those whose next hash bit is 1 there.
 * Both have room for whatever comes.
 */
void gomap_move(const struct gomap *m, const struct gomap_table *from,
		struct gomap_table *const to[2])
{
	GOMAP_SPECIALISE(m, do_move, m, from, to);
}

static void __gomap_count(struct gomap *m, const struct gomap_table *t, int nr)
{
	if (!t)
		return;
	WRITE_ONCE(m->nr_tables, m->nr_tables + nr);
	WRITE_ONCE(m->slots, m->slots + nr * (long)gomap_table_slots(t));
}

static void __gomap_retire(struct gomap *m, struct gomap_table *t)
{
	if (!t)
		return;
	/* Ordered before the stores that publish the successors. */
	WRITE_ONCE(t->stale, true);
	__gomap_count(m, t, -1);
}

/**
 * gomap_replace - let new tables take the place of old ones
 * @m: the map
 * @old: one or two locked tables; the second may be NULL
 * @new: one or two tables with the entries of @old, which together cover the
 *	same hashes; the second may be NULL. Both are NULL for dropping the
 *	only table, if that is empty.
 *
 * The map takes over @new, and loses its reference on @old, if it succeeds;
 * otherwise @new is freed.
 *
 * Context: Any but NMI, in an RCU section. The locks of @old are held; takes
 * the map's.
 * Return: true, or false if the directory has changed: gomap_clear() took the
 * old tables, or it has become too short for the new ones.
 */
bool gomap_replace(struct gomap *m, struct gomap_table *const old[2],
		   struct gomap_table *const new[2])
{
	struct gomap_dir *d;
	bool ok;
	int i;

	spin_lock(&m->lock);
	d = __gomap_dir(m);
	ok = gomap_current(d, old[0]) &&
	     (!old[1] || gomap_current(d, old[1])) &&
	     (new[0] ? new[0]->depth <= d->depth : !d->depth);
	if (ok) {
		__gomap_retire(m, old[0]);
		__gomap_retire(m, old[1]);
		for (i = 0; i < 2 && new[i]; i++) {
			gomap_publish(d, new[i]);
			__gomap_count(m, new[i], 1);
		}
		if (!new[0])
			WRITE_ONCE(gomap_entries(d)[0], 0);
		WRITE_ONCE(m->shrink_floor, SIZE_MAX);
	}
	spin_unlock(&m->lock);

	for (i = 0; i < 2; i++)
		gomap_table_put(ok ? old[i] : new[i]);
	return ok;
}

/**
 * gomap_first_table - give an empty map its first table
 * @m: the map
 * @shift: log2 of its groups
 * @sp: memory; what is missing is noted
 *
 * Context: Any but NMI. Takes the map's lock.
 * Return: 0, also if somebody else was first, or -EAGAIN if memory is missing.
 */
int gomap_first_table(struct gomap *m, u32 shift, struct gomap_spare *sp)
{
	struct gomap_dir *d;
	unsigned long flags;

	sp->nr = 1;
	sp->shift = shift;
	sp->depth = 0;
	if (!gomap_spare_ready(m, sp))
		return -EAGAIN;

	spin_lock_irqsave(&m->lock, flags);
	d = __gomap_dir(m);
	/* It covers all hashes, however many entries the directory has. */
	if (!gomap_entries(d)[0]) {
		gomap_publish(d, sp->table[0]);
		__gomap_count(m, sp->table[0], 1);
		sp->table[0] = NULL;
	}
	spin_unlock_irqrestore(&m->lock, flags);
	return 0;
}

/*
 * Spare parts. Tables of the pool are of full size: growth takes them instead
 * of smaller ones, too, but shrinking leaves them alone.
 */

static bool gomap_spare_fits(const struct gomap *m,
			     const struct gomap_spare *sp, int i)
{
	const struct gomap_table *t = sp->table[i];

	return t && (t->shift == sp->shift || t->shift == m->max_shift);
}

/* Allocate what is wanted and missing. Return 0 or -ENOMEM. */
int gomap_spare_fill(const struct gomap *m, struct gomap_spare *sp, gfp_t gfp)
{
	int i;

	for (i = 0; i < sp->nr; i++) {
		if (gomap_spare_fits(m, sp, i))
			continue;
		gomap_table_free(sp->table[i]);
		sp->table[i] = gomap_table_alloc(m, sp->shift, gfp);
		if (!sp->table[i])
			return -ENOMEM;
	}
	if (!sp->depth || (sp->dir && sp->dir->depth == sp->depth))
		return 0;
	kvfree(sp->dir);
	sp->dir = gomap_dir_alloc(m, sp->depth, gfp);
	return sp->dir ? 0 : -ENOMEM;
}

/*
 * Put a table that is empty and unknown to all into the pool. Return false if
 * there is no reservation any more; then the table is freed.
 */
bool gomap_pool_give(struct gomap *m, struct gomap_table *t)
{
	unsigned long flags;
	bool reserved;

	spin_lock_irqsave(&m->lock, flags);
	/* Under the lock: who ends the reservation then empties the pool. */
	reserved = m->reserved;
	if (reserved) {
		t->next = m->pool;
		WRITE_ONCE(m->pool, t);
		WRITE_ONCE(m->nr_pool, m->nr_pool + 1);
	}
	spin_unlock_irqrestore(&m->lock, flags);
	if (!reserved)
		gomap_table_put(t);
	return reserved;
}

struct gomap_table *gomap_pool_take(struct gomap *m)
{
	struct gomap_table *t;
	unsigned long flags;

	if (!READ_ONCE(m->pool))
		return NULL;
	spin_lock_irqsave(&m->lock, flags);
	t = m->pool;
	if (t) {
		WRITE_ONCE(m->pool, t->next);
		WRITE_ONCE(m->nr_pool, m->nr_pool - 1);
	}
	spin_unlock_irqrestore(&m->lock, flags);
	return t;
}

/* Is everything there that is wanted, after a look into the pool? */
bool gomap_spare_ready(struct gomap *m, struct gomap_spare *sp)
{
	bool ready = !sp->depth || (sp->dir && sp->dir->depth == sp->depth);
	int i;

	for (i = 0; ready && i < sp->nr; i++) {
		/* What does not fit is left to gomap_spare_fill(). */
		if (!sp->table[i] && !sp->no_pool)
			sp->table[i] = gomap_pool_take(m);
		ready = gomap_spare_fits(m, sp, i);
	}
	return ready;
}

/*
 * Dispose of what an operation has left over. What came from the pool goes
 * back there, while there is a reservation; or to RCU, since vfree() may not be
 * called in any context.
 */
void gomap_spare_free(struct gomap *m, struct gomap_spare *sp)
{
	int i;

	for (i = 0; i < 2; i++) {
		struct gomap_table *t = sp->table[i];

		if (t && t->shift == m->max_shift)
			gomap_pool_give(m, t);
		else
			gomap_table_put(t);
	}
	kvfree(sp->dir);
}
