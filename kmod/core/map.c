// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps: making them, and what can be said about one as a whole.
 *
 * The parts of a map's code: map_read.c lookups; map_many.c those of many keys;
 * map_write.c inserts; map_take.c deletes; map_table.c tables and how one replaces
 * another; map_dir.c the same for directories; map_grow.c growth and reservations;
 * map_shrink.c shrinking, clearing, destroying; map_iter.c iteration; map_check.c
 * the invariants, for tests.
 *
 * Layout, lifetime and locks: map_internal.h. For users: include/linux/gomap.h.
 */

#include <linux/export.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "map_internal.h"
#include "map_key.h"

#define GOMAP_FLAGS	(GOMAP_BYTES | GOMAP_SIPHASH | GOMAP_UPDATE_KEY | \
			 GOMAP_IRREFLEXIVE)

static int gomap_check_params(const struct gomap_params *p)
{
	if (!p->key_size || p->key_size > GOMAP_MAX_KEY_SIZE ||
	    p->val_size > GOMAP_MAX_VAL_SIZE || p->flags & ~GOMAP_FLAGS)
		return -EINVAL;
	/* Equal keys must have equal hashes, for which our own do not care. */
	if (p->equal && !p->hash)
		return -EINVAL;
	if (p->hash && p->flags & GOMAP_SIPHASH)
		return -EINVAL;
	if (p->flags & GOMAP_IRREFLEXIVE && !p->equal)
		return -EINVAL;
	return 0;
}

/* The alignment of something of this size: that of the largest fitting type. */
static u32 gomap_align(u32 size)
{
	return size ? min_t(u32, size & -size, 8) : 1;
}

static u8 gomap_kind_of(const struct gomap_params *p)
{
	if (p->flags & GOMAP_BYTES || p->hash)
		return GOMAP_KANY;
	if (p->flags & GOMAP_SIPHASH)
		return p->key_size == 8 && p->val_size == 8 ? GOMAP_S8V8 :
							       GOMAP_KANY;
	if (p->key_size == 4)
		return p->val_size == 8 ? GOMAP_K4V8 : GOMAP_K4;
	if (p->key_size == 8)
		return p->val_size == 8 ? GOMAP_K8V8 : GOMAP_K8;
	return GOMAP_KANY;
}

static void gomap_lay_out(struct gomap *m, const struct gomap_params *p)
{
	bool bytes = p->flags & GOMAP_BYTES;
	u32 val = p->val_size > GOMAP_MAX_INLINE ? sizeof(struct gomap_block *) :
						   p->val_size;
	u32 key_align = bytes ? 1 : gomap_align(p->key_size);

	m->kind = gomap_kind_of(p);
	m->key_size = p->key_size;
	m->val_size = p->val_size;
	m->val_off = ALIGN(p->key_size + bytes, gomap_align(val));
	m->slot_size = ALIGN(m->val_off + val,
			     max(key_align, gomap_align(val)));
}

/* @max_slots: slots of a full-size table, or 0 for what suits their size. */
static int gomap_do_init(struct gomap *m, const struct gomap_params *p,
			 u32 max_slots, size_t hint, gfp_t gfp)
{
	int err = gomap_check_params(p);

	BUILD_BUG_ON(ARRAY_SIZE(m->nr_at_depth) <= GOMAP_MAX_DEPTH);
	BUILD_BUG_ON(offsetof(struct gomap, first_entry) !=
		     offsetof(struct gomap, first_dir) +
		     sizeof(struct gomap_dir));

	if (err)
		return err;
	memset(m, 0, sizeof(*m));
	gomap_lay_out(m, p);
	m->max_shift = max_slots ? ilog2(max_slots / GOMAP_GROUP) :
				   gomap_full_shift(m->slot_size);
	m->flags = p->flags;
	m->hash = p->hash;
	m->equal = p->equal;
	/* More than LONG_MAX entries do not fit into memory. */
	m->max_entries = p->max_entries > LONG_MAX ? 0 : p->max_entries;
	m->gfp = p->gfp;
	m->payer = p->payer;
	m->shrink_floor = SIZE_MAX;
	atomic_long_set(&m->used, 0);
	spin_lock_init(&m->lock);
	seqcount_spinlock_init(&m->changes, &m->lock);
	INIT_DELAYED_WORK(&m->shrink_work, gomap_shrink_work);
	INIT_WORK(&m->grow_work, gomap_grow_work);
	gomap_set_depth(&m->first_dir, 0);
	get_random_bytes(&m->first_dir.seed, sizeof(m->first_dir.seed));
	RCU_INIT_POINTER(m->dir, &m->first_dir);

	err = gomap_setup(m, hint, gfp);
	if (err)
		gomap_undo_setup(m, gfp);
	return err;
}

/**
 * gomap_init - make an empty map
 * @m: room for the map; not on the stack, since there is a work item in it
 * @p: what it holds
 * @hint: number of entries to be expected. Memory for them is allocated at
 *	once, so that on average they come without growth. Up to 8, and beyond
 *	what any map can have, the hint is ignored.
 * @gfp: how to allocate
 *
 * Context: As @gfp says, but not NMI.
 * Return: 0, or -EINVAL if something in @p is out of range or contradicts
 * itself, or -ENOMEM, or -EINTR if a signal is about to kill the caller and @gfp
 * allows it to sleep; the latter two cannot happen without a hint.
 */
int gomap_init(struct gomap *m, const struct gomap_params *p, size_t hint,
	       gfp_t gfp)
{
	return gomap_do_init(m, p, 0, hint, gfp);
}
EXPORT_SYMBOL_NS_GPL(gomap_init, GOCHAN_NS);

/**
 * gomap_alloc - allocate and make an empty map
 * @p: what it holds
 * @hint: as for gomap_init()
 * @gfp: how to allocate
 *
 * Context: As @gfp says, but not NMI.
 * Return: the map, or ERR_PTR(-EINVAL), ERR_PTR(-ENOMEM) or ERR_PTR(-EINTR) as
 * gomap_init().
 */
struct gomap *gomap_alloc(const struct gomap_params *p, size_t hint, gfp_t gfp)
{
	struct gomap *m = kmalloc(sizeof(*m), gfp | p->gfp);
	int err;

	if (!m)
		return ERR_PTR(-ENOMEM);
	err = gomap_init(m, p, hint, gfp);
	if (err) {
		kfree(m);
		return ERR_PTR(err);
	}
	return m;
}
EXPORT_SYMBOL_NS_GPL(gomap_alloc, GOCHAN_NS);

/**
 * gomap_free - destroy and free a map made by gomap_alloc()
 * @m: the map, or NULL
 *
 * Context: Process context. May sleep.
 */
void gomap_free(struct gomap *m)
{
	gomap_destroy(m);
	kfree(m);
}
EXPORT_SYMBOL_NS_GPL(gomap_free, GOCHAN_NS);

/**
 * gomap_len - number of entries
 * @m: the map, or NULL
 *
 * Context: Any.
 * Return: the number, which may be out of date at once.
 */
size_t gomap_len(const struct gomap *m)
{
	return m ? atomic_long_read(&m->used) : 0;
}
EXPORT_SYMBOL_NS_GPL(gomap_len, GOCHAN_NS);

/* Tables of an RCU section of gomap_stats(): some microseconds. */
#define GOMAP_STATS_TABLES	64

/* Add the next tables from *@pos on. */
static void gomap_add_stats(const struct gomap *m, u64 *pos,
			    struct gomap_stats *st)
{
	const struct gomap_table *t;
	int i, left;

	for (i = 0; i < GOMAP_STATS_TABLES; i++) {
		t = gomap_walk(m, pos);
		if (!t)
			return;
		st->tables++;
		st->slots += gomap_table_slots(t);
		/* Not both at one moment: do not let it become negative. */
		left = gomap_limit(t->shift) - READ_ONCE(t->used);
		st->tombstones += max(left - READ_ONCE(t->growth_left), 0);
		st->bytes += gomap_table_bytes(m, t->shift);
		if (!*pos)
			return;
	}
}

/**
 * gomap_stats - what a map is made of
 * @m: the map, or NULL
 * @st: filled in
 *
 * While others change the map the numbers are those of each table at the moment
 * it was looked at. This goes through all tables, some at a time.
 *
 * Context: Process context. May sleep.
 */
void gomap_stats(const struct gomap *m, struct gomap_stats *st)
{
	const struct gomap_dir *d;
	u64 pos = 0;

	might_sleep();
	*st = (struct gomap_stats){ .entries = gomap_len(m) };
	if (!m)
		return;
	rcu_read_lock();
	d = rcu_dereference(m->dir);
	st->depth = d->depth;
	if (d != &m->first_dir)
		st->bytes = gomap_mem_bytes(m, gomap_dir_size(d->depth));
	rcu_read_unlock();
	do {
		rcu_read_lock();
		gomap_add_stats(m, &pos, st);
		rcu_read_unlock();
		cond_resched();
	} while (pos);
	if (gomap_outline(m, m->kind))
		st->bytes += st->entries *
			     gomap_mem_bytes(m, sizeof(struct gomap_block) +
						m->val_size);
	st->bytes += READ_ONCE(m->nr_pool) * gomap_table_bytes(m, m->max_shift);
}
EXPORT_SYMBOL_NS_GPL(gomap_stats, GOCHAN_NS);

#ifdef GOMAP_TESTED
/**
 * gomap_init_small - make an empty map with small tables, for tests
 * @m: room for the map
 * @p: what it holds
 * @max_slots: slots of a full-size table: a power of two, 8 to 1024
 * @hint: as for gomap_init()
 * @gfp: how to allocate
 *
 * Context: As @gfp says, but not NMI.
 * Return: as gomap_init().
 */
int gomap_init_small(struct gomap *m, const struct gomap_params *p,
		     u32 max_slots, size_t hint, gfp_t gfp)
{
	return gomap_do_init(m, p, max_slots, hint, gfp);
}
EXPORT_SYMBOL_NS_GPL(gomap_init_small, GOCHAN_NS);
#endif
