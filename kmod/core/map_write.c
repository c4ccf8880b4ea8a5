// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps: inserting and overwriting.
 *
 * A writer locks the table of its key, and changes control words and slots
 * between the two steps of the sequence count. If the table is full it gets
 * replaced (map_grow.c), and the writer begins again.
 *
 * Layout, lifetime and locks: map_internal.h. For users: include/linux/gomap.h.
 */

#include <linux/export.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "map_write.h"

/* Make the block of a value, or return ERR_PTR() as gomap_mem_alloc(). */
static struct gomap_block *gomap_block_alloc(const struct gomap *m,
					     const void *val, gfp_t gfp)
{
	size_t size = sizeof(struct gomap_block) + m->val_size;
	struct gomap_block *block = gomap_mem_alloc(m, size, gfp);

	if (!IS_ERR(block))
		memcpy(block->data, val, m->val_size);
	return block;
}

/**
 * struct gomap_store - a value on its way into the map
 * @how: what to do about the key's presence
 * @add: the value is added to the one there is; otherwise it replaces it
 * @delta: what is added; afterwards, the sum
 * @val: the new value, if nothing is added
 * @block: the same, for values outside the slots; afterwards, what to free
 *
 * On the fast way the members stay in registers: only copies have an address.
 */
struct gomap_store {
	enum gomap_put_how how;
	bool add;
	u64 delta;
	const void *val;
	struct gomap_block *block;
};

/* A counter; of 4 bytes if it is not of 8. */
static __always_inline void gomap_add_to(const struct gomap *m, void *val,
					 u64 *delta, enum gomap_kind kind)
{
	u64 *val64 = val;
	u32 *val32 = val;

	if (gomap_val_size(m, kind) == 8) {
		*val64 += *delta;
		*delta = *val64;
	} else {
		*val32 += *delta;
		*delta = *val32;
	}
}

/* What a try to store may return beside 0 and errors. */
enum gomap_tried {
	GOMAP_AGAIN = 1,	/* to begin again from the directory */
	GOMAP_LOW,		/* stored; the table will have to split soon */
	GOMAP_ELSEWHERE,	/* gomap_store_first() only: it does not decide */
	GOMAP_COMPARE,		/* gomap_cas() only: to compare, and begin again */
};

/* Within the sequence count. A @fresh slot has no value yet. */
static __always_inline void gomap_store_val(const struct gomap *m, void *slot,
					    struct gomap_store *st, bool fresh,
					    enum gomap_kind kind)
{
	void *val = slot + gomap_val_off(m, kind);
	u32 size = gomap_val_size(m, kind);

	if (fresh && (st->add || gomap_outline(m, kind)))
		gomap_zero(val, gomap_outline(m, kind) ? sizeof(void *) : size);
	if (st->add)
		gomap_add_to(m, val, &st->delta, kind);
	else if (gomap_outline(m, kind))
		swap(*gomap_slot_block(m, slot, kind), st->block);
	else
		gomap_copy(val, st->val, size);
}

static __always_inline void gomap_store_key(const struct gomap *m, void *slot,
					    const struct gomap_key *k,
					    enum gomap_kind kind)
{
	switch (kind) {
	case GOMAP_K4:
	case GOMAP_K4V8:
		gomap_copy(slot, k->data, 4);
		break;
	case GOMAP_K8:
	case GOMAP_K8V8:
	case GOMAP_S8V8:
		gomap_copy(slot, k->data, 8);
		break;
	default:
		memcpy(slot, k->data, k->len);
		if (m->flags & GOMAP_BYTES) {
			memset(slot + k->len, 0, m->key_size - k->len);
			/* Pairs with the load in gomap_slot_len(). */
			WRITE_ONCE(*((u8 *)slot + m->key_size), k->len);
		}
		break;
	}
}

static __always_inline void gomap_overwrite(const struct gomap *m,
					    struct gomap_table *t, void *slot,
					    const struct gomap_key *k,
					    struct gomap_store *st,
					    enum gomap_kind kind)
{
	write_seqcount_begin(&t->seq);
	gomap_store_val(m, slot, st, false, kind);
	if (kind == GOMAP_KANY && m->flags & GOMAP_UPDATE_KEY)
		gomap_store_key(m, slot, k, kind);
	write_seqcount_end(&t->seq);
}

/* Count a new entry, unless there are too many. */
static __always_inline bool gomap_count_entry(struct gomap *m)
{
	if (unlikely(m->max_entries))
		return atomic_long_add_unless(&m->used, 1, m->max_entries);
	atomic_long_inc(&m->used);
	return true;
}

/*
 * For an insert into a locked table without room. Return 0 if it has room now
 * and no entry has moved, GOMAP_AGAIN if it has grown, or an error.
 */
static int gomap_make_room(struct gomap *m, struct gomap_table *t,
			   struct gomap_spare *sp)
{
	/* First, so that inserts into a full map fail without much work. */
	if (m->max_entries && gomap_len(m) >= m->max_entries)
		return -E2BIG;
	if (gomap_prune(m, t))
		return 0;
	return gomap_grow(m, t, sp) ?: GOMAP_AGAIN;
}

/* An entry goes to @group: note which ones its search goes on behind. */
static __always_inline void gomap_note_passed(struct gomap_table *t, u64 hash,
					      u32 group)
{
	u32 mask = gomap_mask(t);
	struct gomap_probe p = gomap_probe_start(hash, mask);

	for (; unlikely(p.group != group); gomap_probe_next(&p, mask)) {
		u8 *passed = gomap_passed(t->ctrl, p.group);

		WRITE_ONCE(*passed, *passed | 1 << gomap_class(hash));
	}
}

/*
 * Does an insert that has left a locked table little room put something into
 * stock for its split? Twice in the life of a table, however often its last
 * entries come and go. Not for a small one, whose split costs little; nor for
 * what is accounted: who pays for a map has room for what it takes, and no more.
 */
static noinline bool gomap_stocks(const struct gomap *m, struct gomap_table *t)
{
	if (t->shift != gomap_full_shift(m->slot_size) ||
	    t->stocked == GOMAP_STOCK ||
	    m->gfp & __GFP_ACCOUNT || READ_ONCE(m->reserved))
		return false;
	/* It will not split if the map has not room for that many. */
	if (m->max_entries && m->max_entries <= gomap_len(m) + t->growth_left)
		return false;
	t->stocked++;
	return true;
}

/* A locked table has one entry more, perhaps in the slot of a deleted one. */
static __always_inline int gomap_inserted(const struct gomap *m,
					  struct gomap_table *t, bool tombstone)
{
	WRITE_ONCE(t->used, t->used + 1);
	WRITE_ONCE(t->growth_left, t->growth_left - !tombstone);
	return !tombstone && unlikely(t->growth_left < GOMAP_STOCK) &&
	       gomap_stocks(m, t) ? GOMAP_LOW : 0;
}

/*
 * Insert a key that is not in the locked table, where @f says. Return as
 * gomap_try_store().
 */
static __always_inline int gomap_insert(struct gomap *m, struct gomap_table *t,
					const struct gomap_key *k,
					const struct gomap_free *f,
					struct gomap_store *st,
					struct gomap_spare *sp,
					enum gomap_kind kind)
{
	void *slot = gomap_slot(m, t, f->slot, kind);

	if (!f->tombstone && unlikely(!t->growth_left)) {
		int ret = sp ? gomap_make_room(m, t, sp) : GOMAP_AGAIN;

		if (ret)
			return ret;
		/* Pruning left the groups that were passed alone: all full. */
	}
	if (!gomap_count_entry(m))
		return -E2BIG;

	write_seqcount_begin(&t->seq);
	gomap_note_passed(t, k->hash, f->slot / GOMAP_GROUP);
	gomap_store_key(m, slot, k, kind);
	gomap_store_val(m, slot, st, true, kind);
	gomap_set_ctrl(t, f->slot, gomap_h2(k->hash));
	write_seqcount_end(&t->seq);
	return gomap_inserted(m, t, f->tombstone);
}

/* Store into the locked table. Return as gomap_try_store(). */
static __always_inline int gomap_store_in(struct gomap *m,
					  struct gomap_table *t,
					  const struct gomap_key *k,
					  struct gomap_store *st,
					  struct gomap_spare *sp,
					  enum gomap_kind kind)
{
	struct gomap_free f;
	int nr = gomap_find_or_free(m, t, k, &f, kind);

	if (nr < 0)
		return st->how == GOMAP_EXISTING ? -ENOENT :
		       gomap_insert(m, t, k, &f, st, sp, kind);
	if (st->how == GOMAP_NEW)
		return -EEXIST;
	gomap_overwrite(m, t, gomap_slot(m, t, nr, kind), k, st, kind);
	return 0;
}

/*
 * Store into the first group of the search, which is what most stores come to:
 * the key is there, or is absent and goes there. Return as gomap_try_store(), or
 * GOMAP_ELSEWHERE.
 */
static __always_inline int gomap_store_first(struct gomap *m,
					     struct gomap_table *t,
					     const struct gomap_key *k,
					     struct gomap_store *st,
					     enum gomap_kind kind)
{
	unsigned long group = gomap_first_group(k->hash, gomap_mask(t));
	void *slot = gomap_group(m, t, group, kind);
	u32 size = gomap_slot_size(m, kind);
	u64 ctrl = t->ctrl[group];
	u64 match = gomap_match_h2(ctrl, gomap_h2(k->hash));
	u64 empty = gomap_match_empty(ctrl);

	if (match) {
		slot += gomap_first_offset(match, size);
		if (unlikely(!gomap_slot_has(m, t, slot, k, NULL, kind)))
			return GOMAP_ELSEWHERE;
		if (st->how == GOMAP_NEW)
			return -EEXIST;
		gomap_overwrite(m, t, slot, k, st, kind);
		return 0;
	}
	if (unlikely(!empty || !t->growth_left))
		return GOMAP_ELSEWHERE;
	if (st->how == GOMAP_EXISTING)
		return -ENOENT;
	if (!gomap_count_entry(m))
		return -E2BIG;

	slot += gomap_first_offset(empty, size);
	write_seqcount_begin(&t->seq);
	gomap_store_key(m, slot, k, kind);
	gomap_store_val(m, slot, st, true, kind);
	WRITE_ONCE(t->ctrl[group],
		   gomap_fill_first(ctrl, empty, gomap_h2(k->hash)));
	write_seqcount_end(&t->seq);
	return gomap_inserted(m, t, false);
}

/*
 * The same anywhere in the table, without memory for growth. For keys of a known
 * size: others have no first try that would come here.
 */
static __always_inline int gomap_do_store_in(struct gomap *m,
					     struct gomap_table *t,
					     const void *data, u64 hash,
					     struct gomap_store *st,
					     enum gomap_kind kind)
{
	struct gomap_key k = gomap_slot_key(m, data, kind);

	k.hash = hash;
	return gomap_store_in(m, t, &k, st, NULL, kind);
}

GOMAP_DEFINE_KINDS(int, gomap_do_store_in,
		   (struct gomap *m, struct gomap_table *t, const void *data,
		    u64 hash, struct gomap_store *st), m, t, data, hash, st)

static noinline int gomap_store_elsewhere(struct gomap *m,
					  struct gomap_table *t,
					  const void *data, u64 hash,
					  struct gomap_store *st)
{
	return GOMAP_CALL_KIND(m, gomap_do_store_in, m, t, data, hash, st);
}

/* The first group, and then anywhere. */
static __always_inline int gomap_store_nearest(struct gomap *m,
					       struct gomap_table *t,
					       const struct gomap_key *k,
					       struct gomap_store *st,
					       enum gomap_kind kind)
{
	int ret = gomap_store_first(m, t, k, st, kind);

	if (unlikely(ret == GOMAP_ELSEWHERE)) {
		struct gomap_store copy = *st;

		ret = gomap_store_elsewhere(m, t, k->data, k->hash, &copy);
		*st = copy;
	}
	return ret;
}

/*
 * Return 0, enum gomap_tried, or an error; -EAGAIN if memory is missing.
 * Without @sp nothing is changed but the one entry.
 */
static __always_inline int gomap_try_store(struct gomap *m,
					   struct gomap_key *k,
					   struct gomap_store *st,
					   struct gomap_spare *sp,
					   enum gomap_kind kind)
{
	struct gomap_table *t;
	unsigned long flags;
	siphash_key_t seed;
	int ret = GOMAP_AGAIN;

	t = gomap_find_table(m, k, &seed, kind);
	if (unlikely(!t)) {
		if (st->how == GOMAP_EXISTING)
			return -ENOENT;
		return (sp ? gomap_first_table(m, 0, sp) : 0) ?: GOMAP_AGAIN;
	}
	spin_lock_irqsave(&t->lock, flags);
	if (gomap_is_right(m, t, &seed, kind))
		ret = sp || kind == GOMAP_KANY ?
		      gomap_store_in(m, t, k, st, sp, kind) :
		      gomap_store_nearest(m, t, k, st, kind);
	spin_unlock_irqrestore(&t->lock, flags);
	return ret;
}

/* Whatever it takes: other tables, memory, another attempt. */
static noinline int gomap_store_slowly(struct gomap *m, const void *key,
				       struct gomap_store *st, gfp_t gfp)
{
	struct gomap_spare sp = { };
	bool grows = false;
	struct gomap_key k;
	int ret = gomap_key_init(m, &k, key, m->kind) ?: GOMAP_AGAIN;

	while (ret == GOMAP_AGAIN) {
		rcu_read_lock();
		ret = gomap_try_store(m, &k, st, &sp, m->kind);
		rcu_read_unlock();
		grows |= ret == GOMAP_AGAIN || ret == -EAGAIN;
		if (ret == -EAGAIN)
			ret = gomap_spare_fill(m, &sp, gfp) ?: GOMAP_AGAIN;
	}
	gomap_spare_free(m, &sp, gfp);
	/* It takes the map's lock: not for a value outside that changes. */
	if (grows)
		gomap_grow_kick(m);
	if (ret != GOMAP_LOW)
		return ret;
	gomap_stock(m, gfp);
	return 0;
}

/* Almost every store needs no more than the table of its key as it is. */
static __always_inline int gomap_do_store(struct gomap *m, const void *key,
					  struct gomap_store *st,
					  enum gomap_kind kind)
{
	struct gomap_key k = { };
	int ret = gomap_key_init(m, &k, key, kind);

	if (ret)
		return ret;
	rcu_read_lock();
	ret = gomap_try_store(m, &k, st, NULL, kind);
	rcu_read_unlock();
	return ret;
}

static noinline int gomap_put_slowly(struct gomap *m, const void *key,
				     const void *val, enum gomap_put_how how,
				     gfp_t gfp)
{
	struct gomap_store st = { .how = how, .val = val };

	return gomap_store_slowly(m, key, &st, gfp);
}

static __always_inline int gomap_do_put(struct gomap *m, const void *key,
					const void *val, enum gomap_put_how how,
					enum gomap_kind kind)
{
	struct gomap_store st = { .how = how, .val = val };

	return gomap_do_store(m, key, &st, kind);
}

GOMAP_DEFINE_KINDS(int, gomap_do_put,
		   (struct gomap *m, const void *key, const void *val,
		    enum gomap_put_how how), m, key, val, how)

static int gomap_try_put(struct gomap *m, const void *key, const void *val,
			 enum gomap_put_how how)
{
	return GOMAP_CALL_KIND(m, gomap_do_put, m, key, val, how);
}

static noinline int gomap_put_outline(struct gomap *m, const void *key,
				      const void *val, enum gomap_put_how how,
				      gfp_t gfp)
{
	struct gomap_store st = { .how = how };
	int err;

	st.block = gomap_block_alloc(m, val, gfp);
	if (IS_ERR(st.block))
		return PTR_ERR(st.block);
	err = gomap_store_slowly(m, key, &st, gfp);
	if (err)
		gomap_block_unused(m, st.block, gfp);
	else
		gomap_block_free(m, st.block);
	return err;
}

/**
 * gomap_put - insert or overwrite
 * @m: the map
 * @key: the key
 * @val: the value; may be NULL if values have no bytes
 * @how: what to do about the key's presence
 * @gfp: how to allocate what growth needs
 *
 * If it fails the map is as it was.
 *
 * Context: As @gfp says, but not NMI.
 * Return: 0, or -EEXIST if the key is in the map with GOMAP_NEW, -ENOENT if it
 * is not with GOMAP_EXISTING; -E2BIG if the map has @max_entries, or too many
 * keys of almost the same hash; -ENOMEM, or what the payer says; -EINVAL if the
 * key is longer than the map's keys may be; -EBADF if @m is NULL.
 */
int gomap_put(struct gomap *m, const void *key, const void *val,
	      enum gomap_put_how how, gfp_t gfp)
{
	int ret;

	if (!m)
		return -EBADF;
	if (unlikely(gomap_outline(m, GOMAP_KANY)))
		return gomap_put_outline(m, key, val, how, gfp);
	ret = gomap_try_put(m, key, val, how);
	if (likely(ret <= 0))
		return ret;
	if (ret == GOMAP_AGAIN)
		return gomap_put_slowly(m, key, val, how, gfp);
	gomap_stock(m, gfp);
	return 0;
}
EXPORT_SYMBOL_NS_GPL(gomap_put, GOCHAN_NS);

static __always_inline int gomap_do_add(struct gomap *m, const void *key,
					u64 *delta, enum gomap_put_how how,
					enum gomap_kind kind)
{
	struct gomap_store st = { .how = how, .add = true, .delta = *delta };
	int ret = gomap_do_store(m, key, &st, kind);

	*delta = st.delta;
	return ret;
}

GOMAP_DEFINE_KINDS(int, gomap_do_add,
		   (struct gomap *m, const void *key, u64 *delta,
		    enum gomap_put_how how), m, key, delta, how)

static int gomap_try_add(struct gomap *m, const void *key, u64 *delta,
			 enum gomap_put_how how)
{
	return GOMAP_CALL_KIND(m, gomap_do_add, m, key, delta, how);
}

/**
 * gomap_add - add to a counter
 * @m: a map of values of 4 or 8 bytes
 * @key: the key
 * @delta: what is added, modulo the size of the value
 * @how: what to do about the key's presence; a counter begins at 0
 * @sum: set to the new value; may be NULL
 * @gfp: how to allocate what growth needs
 *
 * Nothing is lost or counted twice, whoever adds at the same time.
 *
 * Context: As @gfp says, but not NMI.
 * Return: as gomap_put(); -EINVAL also if values have another size.
 */
int gomap_add(struct gomap *m, const void *key, u64 delta,
	      enum gomap_put_how how, u64 *sum, gfp_t gfp)
{
	struct gomap_store st = { .how = how, .add = true, .delta = delta };
	int err;

	if (!m)
		return -EBADF;
	if (m->val_size != sizeof(u32) && m->val_size != sizeof(u64))
		return -EINVAL;
	err = gomap_try_add(m, key, &delta, how);
	if (unlikely(err == GOMAP_AGAIN)) {
		err = gomap_store_slowly(m, key, &st, gfp);
		delta = st.delta;
	} else if (unlikely(err == GOMAP_LOW)) {
		gomap_stock(m, gfp);
		err = 0;
	}
	if (!err && sum)
		*sum = delta;
	return err;
}
EXPORT_SYMBOL_NS_GPL(gomap_add, GOCHAN_NS);

/*
 * Compare and swap in the locked table. A value outside it has up to 64 KiB, and
 * is compared without the lock: it does not change, and RCU keeps it, so it is
 * what the key has as long as the slot points to it. Return 0, an error, or
 * GOMAP_COMPARE with @seen set to what the caller has to compare first.
 */
static int gomap_cas_in(struct gomap *m, struct gomap_table *t,
			const struct gomap_key *k, struct gomap_store *st,
			void *old, const struct gomap_block **seen)
{
	int nr = gomap_find(m, t, gomap_mask(t), k, NULL, m->kind);
	void *slot, *val;

	if (nr < 0)
		return -ENOENT;
	slot = gomap_slot(m, t, nr, m->kind);
	val = slot + m->val_off;
	if (gomap_outline(m, m->kind)) {
		const struct gomap_block *block;

		block = *gomap_slot_block(m, slot, m->kind);
		if (block != *seen) {
			*seen = block;
			return GOMAP_COMPARE;
		}
	} else if (memcmp(val, old, m->val_size)) {
		memcpy(old, val, m->val_size);
		return -EEXIST;
	}
	gomap_overwrite(m, t, slot, k, st, m->kind);
	return 0;
}

/* Return as gomap_cas_in(), or GOMAP_AGAIN. */
static int gomap_try_cas(struct gomap *m, struct gomap_key *k,
			 struct gomap_store *st, void *old,
			 const struct gomap_block **seen)
{
	struct gomap_table *t;
	unsigned long flags;
	siphash_key_t seed;
	int ret = GOMAP_AGAIN;

	t = gomap_find_table(m, k, &seed, m->kind);
	if (!t)
		return -ENOENT;
	spin_lock_irqsave(&t->lock, flags);
	if (gomap_is_right(m, t, &seed, m->kind))
		ret = gomap_cas_in(m, t, k, st, old, seen);
	spin_unlock_irqrestore(&t->lock, flags);
	return ret;
}

/**
 * gomap_cas - compare and swap
 * @m: the map
 * @key: the key
 * @old: the value that is expected; set to the one that is there if it differs
 * @new: the value that replaces it
 * @gfp: how to allocate values that are kept outside the table
 *
 * Context: As @gfp says, but not NMI.
 * Return: 0, or -EEXIST if another value is there, -ENOENT if the key is not in
 * the map; -ENOMEM, or what the payer says; -EINVAL if the key is longer than the
 * map's keys may be; -EBADF if @m is NULL.
 */
int gomap_cas(struct gomap *m, const void *key, void *old, const void *new,
	      gfp_t gfp)
{
	struct gomap_store st = { .val = new };
	const struct gomap_block *seen = NULL;
	struct gomap_key k;
	int err;

	if (!m)
		return -EBADF;
	err = gomap_key_init(m, &k, key, m->kind);
	if (err)
		return err;
	if (gomap_outline(m, m->kind)) {
		st.block = gomap_block_alloc(m, new, gfp);
		if (IS_ERR(st.block))
			return PTR_ERR(st.block);
	}
	rcu_read_lock();
	do {
		err = gomap_try_cas(m, &k, &st, old, &seen);
		if (err == GOMAP_COMPARE &&
		    memcmp(seen->data, old, m->val_size)) {
			memcpy(old, seen->data, m->val_size);
			err = -EEXIST;
		}
	} while (err > 0);
	rcu_read_unlock();
	if (err)
		gomap_block_unused(m, st.block, gfp);
	else
		gomap_block_free(m, st.block);
	return err;
}
EXPORT_SYMBOL_NS_GPL(gomap_cas, GOCHAN_NS);
