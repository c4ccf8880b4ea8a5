// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps: removing.
 *
 * Layout, lifetime and locks: map_internal.h. For users: include/linux/gomap.h.
 */

#include <linux/export.h>

#include "map_write.h"

/*
 * The last entry of the only table has gone: draw a new seed, and forget the
 * tombstones.
 */
static void gomap_reset(struct gomap *m, struct gomap_table *t)
{
	struct gomap_dir *d;

	lockdep_assert_held(&t->lock);

	spin_lock(&m->lock);
	d = __gomap_dir(m);
	if (gomap_current(d, t)) {
		write_seqcount_begin(&m->changes);
		write_seqcount_begin(&t->seq);
		if (t->growth_left != gomap_limit(t->shift))
			gomap_table_wipe(t);
		__gomap_draw_seed(d);
		write_seqcount_end(&t->seq);
		write_seqcount_end(&m->changes);
	}
	spin_unlock(&m->lock);
}

/*
 * Make a slot free again, and zero it. Copies of the entry in tables that were
 * replaced, and a value outside the slot, stay until RCU frees them.
 */
static __always_inline void gomap_vacate(const struct gomap *m,
					 struct gomap_table *t, u32 nr,
					 enum gomap_kind kind)
{
	/* No search has gone on behind a group with an empty slot. */
	bool empty = !t->shift ||
		     gomap_match_empty(t->ctrl[nr / GOMAP_GROUP]);

	write_seqcount_begin(&t->seq);
	gomap_set_ctrl(t, nr, empty ? GOMAP_EMPTY : GOMAP_DELETED);
	gomap_zero(gomap_slot(m, t, nr, kind), gomap_slot_size(m, kind));
	write_seqcount_end(&t->seq);
	WRITE_ONCE(t->used, t->used - 1);
	WRITE_ONCE(t->growth_left, t->growth_left + empty);
}

/* Take from the locked table. Return the number of entries left or -ENOENT. */
static __always_inline long gomap_take_from(struct gomap *m,
					    struct gomap_table *t,
					    const struct gomap_key *k,
					    void *val,
					    struct gomap_block **block,
					    enum gomap_kind kind)
{
	int nr = gomap_find(m, t, gomap_mask(t), k, NULL, kind);
	void *slot;
	long left;

	if (nr < 0)
		return -ENOENT;
	slot = gomap_slot(m, t, nr, kind);
	if (gomap_outline(m, kind))
		*block = *gomap_slot_block(m, slot, kind);
	else if (val)
		gomap_copy(val, slot + gomap_val_off(m, kind),
			   gomap_val_size(m, kind));
	gomap_vacate(m, t, nr, kind);
	left = atomic_long_dec_return(&m->used);
	if (unlikely(!t->used && !t->depth))
		gomap_reset(m, t);
	return left;
}

/* The same, or -EAGAIN to begin again. */
static __always_inline long gomap_try_take(struct gomap *m,
					   struct gomap_key *k, void *val,
					   struct gomap_block **block,
					   enum gomap_kind kind)
{
	struct gomap_table *t;
	unsigned long flags;
	siphash_key_t seed;
	long left = -EAGAIN;

	t = gomap_find_table(m, k, &seed, kind);
	if (!t)
		return -ENOENT;
	spin_lock_irqsave(&t->lock, flags);
	if (gomap_is_right(m, t, &seed, kind))
		left = gomap_take_from(m, t, k, val, block, kind);
	spin_unlock_irqrestore(&t->lock, flags);
	return left;
}

static __always_inline int gomap_do_take(struct gomap *m, const void *key,
					 void *val, enum gomap_kind kind)
{
	struct gomap_block *block = NULL;
	struct gomap_key k;
	long left;
	int err = gomap_key_init(m, &k, key, kind);

	if (err)
		return err;
	rcu_read_lock();
	do {
		left = gomap_try_take(m, &k, val, &block, kind);
	} while (unlikely(left == -EAGAIN));
	rcu_read_unlock();
	if (left < 0)
		return left;
	if (block && val)
		memcpy(val, block->data, m->val_size);
	gomap_block_free(m, block);
	if (unlikely(gomap_is_sparse(m, left)))
		gomap_shrink_kick(m, left);
	return 0;
}

GOMAP_DEFINE_KINDS(int, gomap_do_take,
		   (struct gomap *m, const void *key, void *val), m, key, val)

/**
 * gomap_take - remove a key and get its value
 * @m: the map, or NULL
 * @key: the key
 * @val: set to the value; may be NULL
 *
 * Of several callers that want the same entry one gets it. Its slot is zeroed;
 * copies in tables that were replaced, and values kept outside the table, are
 * only freed, after a grace period and when no iterator needs them.
 *
 * Context: Any but NMI.
 * Return: 0, or -ENOENT if the key is not in the map, or -EINVAL if it is
 * longer than the map's keys may be.
 */
int gomap_take(struct gomap *m, const void *key, void *val)
{
	if (!m)
		return -ENOENT;
	return GOMAP_CALL_KIND(m, gomap_do_take, m, key, val);
}
EXPORT_SYMBOL_NS_GPL(gomap_take, GOCHAN_NS);

/**
 * gomap_delete - remove a key
 * @m: the map, or NULL
 * @key: the key
 *
 * Context: Any but NMI.
 * Return: as gomap_take().
 */
int gomap_delete(struct gomap *m, const void *key)
{
	return gomap_take(m, key, NULL);
}
EXPORT_SYMBOL_NS_GPL(gomap_delete, GOCHAN_NS);
