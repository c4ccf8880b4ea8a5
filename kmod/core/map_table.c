// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps: tables, how they are made and freed, and how new ones take the place of
 * old ones.
 *
 * Layout, lifetime and locks: map_internal.h.
 *
 * Conventions in all map files: @m is a map, @d a directory, @t a table, @slot
 * the number of a slot in its table, @k a key, @sp the memory an operation has
 * got so far. A leading "__" means that gomap.lock is held.
 */

#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "map_internal.h"
#include "map_key.h"

/*
 * No entries, no tombstones, and no search has gone on behind a group. Readers may
 * be there.
 */
static void gomap_clear_groups(struct gomap_table *t)
{
	u32 group;

	for (group = 0; group <= gomap_mask(t); group++)
		WRITE_ONCE(t->ctrl[group], GOMAP_ALL_EMPTY);
	/* The last group's byte is the first. */
	memset(gomap_passed(t->ctrl, gomap_mask(t)), 0, gomap_mask(t) + 1);
}

/* Make an empty table, or return ERR_PTR() as gomap_mem_alloc(). */
struct gomap_table *gomap_table_alloc(const struct gomap *m, u32 shift,
				      gfp_t gfp)
{
	struct gomap_table *t;
	void *base, *slots;

	BUILD_BUG_ON(ARCH_KMALLOC_MINALIGN <= GOMAP_SHIFT_MASK);
	/* What gomap_passed_size() returns is a multiple of it. */
	BUILD_BUG_ON(sizeof(u64) <= GOMAP_SHIFT_MASK);
	BUILD_BUG_ON(sizeof(struct gomap_paid) & GOMAP_SHIFT_MASK);
	BUILD_BUG_ON(GOMAP_MAX_SHIFT > GOMAP_SHIFT_MASK);

	/* The slots of entries only are ever looked at. */
	base = gomap_mem_alloc_two(m, gomap_table_size(shift), &slots,
				   gomap_slots(shift) * m->slot_size, gfp);
	if (IS_ERR(base))
		return ERR_CAST(base);
	t = base + gomap_passed_size(shift);
	memset(t, 0, offsetof(struct gomap_table, ctrl));
	t->slots = slots;
	t->paid = m->payer;
	spin_lock_init(&t->lock);
	seqcount_spinlock_init(&t->seq, &t->lock);
	refcount_set(&t->refs, 1);
	t->shift = shift;
	t->growth_left = gomap_limit(shift);
	gomap_clear_groups(t);
	return t;
}

static void *gomap_table_base(struct gomap_table *t)
{
	return (void *)t - gomap_passed_size(t->shift);
}

/* What a table takes. */
size_t gomap_table_bytes(const struct gomap *m, u32 shift)
{
	return gomap_mem_bytes(m, gomap_table_size(shift)) +
	       gomap_mem_bytes_apart(m, gomap_slots(shift) * m->slot_size);
}

/* Free a table that was never published. */
void gomap_table_free(struct gomap_table *t)
{
	if (!t)
		return;
	if (t->paid) {
		gomap_paid_free(gomap_table_base(t));
		return;
	}
	kvfree(t->slots);
	kvfree(gomap_table_base(t));
}

/*
 * Free a table that was never published: at once if the caller may sleep, as
 * vfree() does, so that a user at the limit soon has the memory again.
 */
static void gomap_table_unused(struct gomap_table *t, gfp_t gfp)
{
	if (gfpflags_allow_blocking(gfp))
		gomap_table_free(t);
	else
		gomap_table_put(t);
}

static void gomap_table_free_rcu(struct rcu_head *rcu)
{
	gomap_table_free(container_of(rcu, struct gomap_table, rcu));
}

/* Give a reference back. */
void gomap_table_put(struct gomap_table *t)
{
	if (!t || !refcount_dec_and_test(&t->refs))
		return;
	if (t->paid)
		gomap_paid_free_rcu(gomap_table_base(t));
	else
		call_rcu(&t->rcu, gomap_table_free_rcu);
}

/* Forget all entries and tombstones; the slots of entries are not cleared. */
void gomap_table_wipe(struct gomap_table *t)
{
	gomap_clear_groups(t);
	WRITE_ONCE(t->used, 0);
	WRITE_ONCE(t->growth_left, gomap_limit(t->shift));
}

/*
 * Moving entries.
 */

/*
 * Put an entry into a table, given by its parts, that has room and no
 * tombstones, and that nobody else knows.
 */
static __always_inline void gomap_move_slot(const struct gomap *m, u64 *ctrl,
					    void *slots, size_t mask, u64 hash,
					    const void *from,
					    enum gomap_kind kind)
{
	const size_t size = gomap_slot_size(m, kind);
	size_t group = gomap_first_group(hash, mask), step = 0;
	u64 word = ctrl[group], vacant;

	while (unlikely(!(vacant = gomap_match_free(word)))) {
		*gomap_passed(ctrl, group) |= 1 << gomap_class(hash);
		group = (group + ++step) & mask;
		word = ctrl[group];
	}
	ctrl[group] = gomap_fill_first(word, vacant, gomap_h2(hash));
	gomap_copy(slots + group * GOMAP_GROUP * size +
		   gomap_first_offset(vacant, size), from, size);
}

/*
 * Return how many went to the second table. This is what the dearest insert
 * does almost a thousand times: what does not change is in local variables,
 * since the compiler has to assume that a stored entry changes the rest.
 */
static __always_inline u32 gomap_do_move(const struct gomap *m,
					 const struct gomap_table *from,
					 struct gomap_table *const to[2],
					 enum gomap_kind kind)
{
	u64 *const ctrl[2] = { to[0]->ctrl, to[1] ? to[1]->ctrl : NULL };
	void *const slots[2] = { to[0]->slots, to[1] ? to[1]->slots : NULL };
	const struct gomap_dir *d = rcu_dereference(m->dir);
	const siphash_key_t seed = gomap_seed(d, kind);
	const size_t mask = gomap_mask(to[0]), size = gomap_slot_size(m, kind);
	const u64 half = to[1] ? BIT_ULL(63 - from->depth) : 0;
	const u64 *word = from->ctrl, *end = word + gomap_mask(from) + 1;
	const void *group = from->slots;
	u32 moved[2] = { };

	for (; word < end; word++, group += GOMAP_GROUP * size) {
		u64 full = gomap_match_full(*word);

		for (; full; full &= full - 1) {
			size_t bit = __ffs64(full) & ~7UL;
			const void *slot = group + bit / 8 * size;
			struct gomap_key k = gomap_slot_key(m, slot, kind);
			u64 hash = gomap_store_hash(m, &k, &seed, kind);
			bool i = hash & half;

			gomap_move_slot(m, ctrl[i], slots[i], mask, hash, slot,
					kind);
			moved[i]++;
		}
	}
	return moved[1];
}

GOMAP_DEFINE_KINDS(u32, gomap_do_move,
		   (const struct gomap *m, const struct gomap_table *from,
		    struct gomap_table *const to[2]), m, from, to)

static u32 gomap_move_kind(const struct gomap *m,
			   const struct gomap_table *from,
			   struct gomap_table *const to[2])
{
	return GOMAP_CALL_KIND(m, gomap_do_move, m, from, to);
}

/*
 * Copy the entries of the locked table @from into new tables nobody else
 * knows: into @to[0], or with @to[1], which is of the same size, those whose
 * next hash bit is 1 there. Both have room for whatever comes.
 */
void gomap_move(const struct gomap *m, const struct gomap_table *from,
		struct gomap_table *const to[2])
{
	u32 moved = gomap_move_kind(m, from, to);

	to[0]->used += from->used - moved;
	to[0]->growth_left -= from->used - moved;
	if (to[1]) {
		to[1]->used += moved;
		to[1]->growth_left -= moved;
	}
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
	     (new[0] ? new[0]->depth <= d->depth : !d->depth && !m->next_dir);
	if (ok) {
		write_seqcount_begin(&m->changes);
		__gomap_retire(m, old[0]);
		__gomap_retire(m, old[1]);
		for (i = 0; i < 2 && new[i]; i++) {
			__gomap_publish(m, new[i]);
			__gomap_count(m, new[i], 1);
		}
		if (!new[0]) {
			WRITE_ONCE(gomap_entries(d)->table, 0);
			__gomap_draw_seed(d);
		}
		write_seqcount_end(&m->changes);
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
	if (!gomap_entries(d)->table) {
		write_seqcount_begin(&m->changes);
		__gomap_publish(m, sp->table[0]);
		write_seqcount_end(&m->changes);
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

/*
 * Allocate what is wanted and missing, and see to the directory. Return 0,
 * -ENOMEM, or what the payer says. No lock is held.
 */
int gomap_spare_fill(struct gomap *m, struct gomap_spare *sp, gfp_t gfp)
{
	struct gomap_table *t;
	int i;

	for (i = 0; i < sp->nr; i++) {
		if (gomap_spare_fits(m, sp, i))
			continue;
		gomap_table_free(sp->table[i]);
		sp->table[i] = NULL;
		t = gomap_table_alloc(m, sp->shift, gfp);
		if (IS_ERR(t))
			return PTR_ERR(t);
		sp->table[i] = t;
	}
	return sp->depth ? gomap_lengthen_dir(m, sp->depth, gfp) : 0;
}

/*
 * Is what a split needs worth a work item? From 256 tables on, of some 4 MiB.
 * Not with __GFP_ACCOUNT: a work item has nobody to charge.
 */
bool __gomap_is_large(const struct gomap *m)
{
	return m->nr_tables >= 256 && !(m->gfp & __GFP_ACCOUNT);
}

/*
 * May the pool have more tables? What is put there is about to be needed, two for
 * each table that is almost full, and taken when that splits. Of tables that fill
 * evenly few are at this point together, some 1/100; those that stay there must
 * not hold a third of the map's memory each. A few more than a sixteenth, then,
 * and in a small map as many as all its tables may need.
 */
bool __gomap_pool_is_short(const struct gomap *m)
{
	return !(m->gfp & __GFP_ACCOUNT) &&
	       m->nr_pool < min(GOMAP_STOCK * m->nr_tables,
				4 * GOMAP_POOL + m->nr_tables / 16);
}

/*
 * Put a table that is empty and unknown to all into the pool. Only as @stock does
 * a map that is not large keep one: an operation that fails leaves it as it was.
 * Return false if the map has no use for it any more; then the table is freed.
 */
bool gomap_pool_give(struct gomap *m, struct gomap_table *t, bool stock,
		     gfp_t gfp)
{
	unsigned long flags;
	bool wanted;

	spin_lock_irqsave(&m->lock, flags);
	/* Under the lock: who ends the reservation then empties the pool. */
	wanted = m->reserved || ((stock || __gomap_is_large(m)) &&
				 __gomap_pool_is_short(m));
	if (wanted) {
		t->next = m->pool;
		WRITE_ONCE(m->pool, t);
		WRITE_ONCE(m->nr_pool, m->nr_pool + 1);
	}
	spin_unlock_irqrestore(&m->lock, flags);
	if (!wanted)
		gomap_table_unused(t, gfp);
	return wanted;
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

/*
 * Take all there is. In one step with the decision that it is useless: what
 * comes into the pool afterwards is for somebody who wants it. The result is
 * for gomap_pool_free().
 */
struct gomap_table *__gomap_pool_empty(struct gomap *m)
{
	struct gomap_table *t = m->pool;

	WRITE_ONCE(m->pool, NULL);
	WRITE_ONCE(m->nr_pool, 0);
	return t;
}

/* Free tables from the pool, which has any length after a reservation. */
void gomap_pool_free(struct gomap_table *t, gfp_t gfp)
{
	while (t) {
		struct gomap_table *next = t->next;

		gomap_table_unused(t, gfp);
		t = next;
		if (gfpflags_allow_blocking(gfp))
			cond_resched();
	}
}

/*
 * Is everything there that is wanted, after a look into the pool? That comes
 * first, so that who needs a directory, too, allocates no more than that.
 */
bool gomap_spare_ready(struct gomap *m, struct gomap_spare *sp)
{
	bool ready = true;
	int i;

	for (i = 0; ready && i < sp->nr; i++) {
		/* What does not fit is left to gomap_spare_fill(). */
		if (!sp->table[i] && !sp->no_pool)
			sp->table[i] = gomap_pool_take(m);
		ready = gomap_spare_fits(m, sp, i);
	}
	return ready && !sp->depth;
}

/*
 * Dispose of what an operation has left over. What came from the pool goes
 * back there, if that has use for it.
 */
void gomap_spare_free(struct gomap *m, struct gomap_spare *sp, gfp_t gfp)
{
	int i;

	for (i = 0; i < 2; i++) {
		struct gomap_table *t = sp->table[i];

		if (t && t->shift == m->max_shift)
			gomap_pool_give(m, t, false, gfp);
		else
			gomap_table_unused(t, gfp);
	}
}
