// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps as files: making and freeing them, what they show of themselves, and
 * what they are charged for. The commands are in map_ops.c and map_batch.c.
 *
 * Charging a map
 *	A map grows with its entries, but in steps: when its tables double. The
 *	charge goes ahead of that. It covers what the map takes now and what a
 *	number of insertions, the credit, can add to it. Each insertion uses
 *	one up, without a lock. Who finds none left computes a new charge,
 *	which the account may refuse, before anything is inserted.
 *
 *	What the credit can add is an estimate: entries spread over the tables
 *	as their hashes have it, which is evenly, give or take. Whatever the
 *	estimate misses is measured and charged the next time, at most one
 *	credit later.
 *
 *	What kernel code inserts (gomap_get_from_fd()) asks no account; it is
 *	measured with the rest when a user's insertion needs a new charge.
 *
 *	When an eighth of the slots would do, deletions do bounded steps of
 *	shrinking the map, without gochan_map_file.lock, so that insertions do
 *	not wait for them. The charge comes down at the end of that,
 *	and whenever half of the entries have been deleted.
 *
 * Lifetime: internal.h.
 */

#include <linux/err.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "../compat.h"
#include "map_file.h"

/* Slots of the smallest table, and what is beside them, generously. */
#define GOCHAN_FIRST_SLOTS	8
#define GOCHAN_FIRST_TABLE	256

/* The most bytes to hold in advance for values outside of the tables. */
#define GOCHAN_VALUES_AHEAD	65536

/* A hint for more memory than this is a mistake, and ignored. */
#define GOCHAN_MAX_HINT		SZ_1G

/* Deletions that make a map of any size look at its charge. */
#define GOCHAN_MIN_DELETED	64

/*
 * What a map takes.
 */

/* Bytes of a slot, alignment included. */
static size_t gochan_map_slot(const struct gochan_map_file *mf)
{
	size_t value = mf->value_size;

	if (value > GOMAP_MAX_INLINE)
		value = sizeof(void *);
	return ALIGN(mf->key_size + mf->varlen, 8) + ALIGN(value, 8);
}

/* What each entry takes in addition: a value that is kept outside its slot. */
static size_t gochan_map_block(const struct gochan_map_file *mf)
{
	if (mf->value_size <= GOMAP_MAX_INLINE)
		return 0;
	return kmalloc_size_roundup(sizeof(struct rcu_head) + mf->value_size);
}

static size_t gochan_map_bytes(const struct gochan_map_file *mf,
			       const struct gomap_stats *st)
{
	return sizeof(*mf) + st->bytes + st->entries * gochan_map_block(mf);
}

/*
 * For how many insertions to charge in advance. To compute a charge, each table
 * is looked at: 64 insertions for each full-size one make up for that.
 */
static size_t gochan_map_ahead(const struct gochan_map_file *mf,
			       const struct gomap_stats *st)
{
	size_t n = GOCHAN_FIRST_SLOTS + st->slots / 16;
	size_t block = gochan_map_block(mf);

	if (block)
		n = min(n, GOCHAN_VALUES_AHEAD / block + st->entries / 16 + 1);
	return n;
}

/*
 * What a map takes at most after @ahead more insertions.
 *
 * Tables double when 7/8 of their slots are used, tombstones included, and are
 * 7/16 full then. Going by the average, a map between those two has a part of
 * its slots in tables that are about to double and the others in tables that
 * just have; beyond 7/8 all do, and more than once. With more than one table
 * the estimate gets a margin for chance. The directory is part of the bytes.
 */
static size_t gochan_map_cost(const struct gochan_map_file *mf,
			      const struct gomap_stats *st, size_t ahead)
{
	size_t half = st->slots / 16 * 7 + st->slots % 16 / 2;
	size_t used = st->entries + st->tombstones + ahead;
	size_t cost = gochan_map_bytes(mf, st);

	cost += GOCHAN_FIRST_TABLE + GOCHAN_FIRST_SLOTS * gochan_map_slot(mf);
	cost += ahead * gochan_map_block(mf);
	if (half && used > half)
		cost += st->bytes / 16 *
			DIV_ROUND_UP(16 * (used - half), half);
	if (st->tables > 1)
		cost += st->bytes / 16;
	return cost;
}

/* Compute the charge anew. Return 0, or -EDQUOT: then it is as it was. */
static int __gochan_map_charge(struct gochan_map_file *mf)
{
	struct gomap_stats st;
	size_t ahead, cost;
	int err;

	lockdep_assert_held(&mf->lock);

	atomic_long_set(&mf->deleted, 0);
	gomap_stats(&mf->map, &st);
	ahead = gochan_map_ahead(mf, &st);
	cost = gochan_map_cost(mf, &st, ahead);
	err = gochan_recharge(mf->acct, mf->charged, cost);
	if (err)
		return err;
	WRITE_ONCE(mf->charged, cost);
	atomic_long_set(&mf->credit, ahead);
	WRITE_ONCE(mf->delete_limit, st.entries / 2 + GOCHAN_MIN_DELETED);
	return 0;
}

static bool gochan_map_use_credit(struct gochan_map_file *mf)
{
	return atomic_long_add_unless(&mf->credit, -1, 0);
}

/**
 * gochan_map_room - see to it that an entry may be inserted
 * @mf: the map's file
 * @key: its key
 *
 * What is in the map takes no more room when it is overwritten: users who have
 * reached their quota can go on with that. If somebody deletes the key in this
 * moment, one entry is inserted that has not been charged; the next charge has
 * it.
 *
 * Context: Process context. May sleep.
 * Return: 0 or -EDQUOT.
 */
int gochan_map_room(struct gochan_map_file *mf, const void *key)
{
	int err = 0;

	if (gochan_map_use_credit(mf) || gomap_contains(&mf->map, key))
		return 0;
	mutex_lock(&mf->lock);
	while (!err && !gochan_map_use_credit(mf))
		err = __gochan_map_charge(mf);
	mutex_unlock(&mf->lock);
	return err;
}

/**
 * gochan_map_settle - bring the charge down to what a map takes
 * @mf: the map's file
 *
 * Context: Process context. May sleep.
 */
void gochan_map_settle(struct gochan_map_file *mf)
{
	mutex_lock(&mf->lock);
	/* If it is more after all, it can be refused when it is needed. */
	__gochan_map_charge(mf);
	mutex_unlock(&mf->lock);
}

/**
 * gochan_map_deleted - note that entries were deleted
 * @mf: the map's file
 * @n: their number
 *
 * Does the part of shrinking the map that falls to these deletions, see
 * gomap_shrink_some(). Smaller tables are charged to the memory cgroup of the
 * caller. If it has no room for them the map stays large; the OOM killer is not
 * invoked.
 *
 * Context: Process context. May sleep.
 */
void gochan_map_deleted(struct gochan_map_file *mf, u32 n)
{
	bool many = atomic_long_add_return(n, &mf->deleted) >=
		    READ_ONCE(mf->delete_limit);

	if (gomap_shrink_some(&mf->map, n,
			      GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY)) {
		gochan_map_settle(mf);
		return;
	}
	/* One is enough. */
	if (!many || !mutex_trylock(&mf->lock))
		return;
	__gochan_map_charge(mf);
	mutex_unlock(&mf->lock);
}

/*
 * What a map shows.
 */

/**
 * gochan_map_info_of - describe a map
 * @mf: its file
 * @info: filled in, but for the size
 *
 * Context: Process context.
 */
void gochan_map_info_of(struct gochan_map_file *mf, struct gochan_map_info *info)
{
	struct gomap_stats st;

	gomap_stats(&mf->map, &st);
	*info = (struct gochan_map_info) {
		.size = info->size,
		.flags = mf->varlen ? GOCHAN_MAP_VARLEN : 0,
		.key_size = mf->key_size,
		.value_size = mf->value_size,
		.entries = st.entries,
		.max_entries = mf->max_entries,
		.slots = st.slots,
		.tables = st.tables,
		.tombstones = st.tombstones,
		.bytes = gochan_map_bytes(mf, &st),
		.charged = READ_ONCE(mf->charged),
	};
}

static void gochan_map_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct gochan_map_info info = { };

	gochan_map_info_of(file->private_data, &info);
	seq_puts(m, "gochan-type:\tmap\n");
	seq_printf(m, "gochan-map-key-size:\t%u\n", info.key_size);
	seq_printf(m, "gochan-map-varlen:\t%d\n",
		   !!(info.flags & GOCHAN_MAP_VARLEN));
	seq_printf(m, "gochan-map-value-size:\t%u\n", info.value_size);
	seq_printf(m, "gochan-map-entries:\t%llu\n", info.entries);
	seq_printf(m, "gochan-map-max-entries:\t%llu\n", info.max_entries);
	seq_printf(m, "gochan-map-slots:\t%llu\n", info.slots);
	seq_printf(m, "gochan-map-tables:\t%llu\n", info.tables);
	seq_printf(m, "gochan-map-tombstones:\t%llu\n", info.tombstones);
	seq_printf(m, "gochan-map-bytes:\t%llu\n", info.bytes);
	seq_printf(m, "gochan-map-charged:\t%llu\n", info.charged);
}

/*
 * Life and death.
 */

static long gochan_map_ioctl(struct file *file, unsigned int cmd,
			     unsigned long arg)
{
	if (cmd == GOCHAN_IOC_MAP_GET)
		return gochan_word_get(file, arg);
	if (cmd == GOCHAN_IOC_MAP_PUT)
		return gochan_word_put(file, arg);
	return gochan_map_dispatch(file, cmd, arg);
}

static void gochan_map_drop(struct gochan_map_file *mf)
{
	if (!refcount_dec_and_test(&mf->refs))
		return;
	gomap_destroy(&mf->map);
	gochan_uncharge(mf->acct, mf->charged);
	mutex_destroy(&mf->lock);
	kfree(mf);
}

static int gochan_map_release(struct inode *inode, struct file *file)
{
	gochan_map_drop(file->private_data);
	gochan_fs_release();
	return 0;
}

static const struct file_operations gochan_map_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = gochan_map_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = gochan_map_show_fdinfo,
	.release = gochan_map_release,
};

/*
 * How many entries to make room for at once, and what that takes at most. A
 * slot has a control byte and a part of what its group and its table have, too;
 * the allocator may double all that. For 7 entries there are 8 slots, or up to
 * 16.
 */
static size_t gochan_map_hint(const struct gochan_map_file *mf, u64 hint,
			      size_t *bytes)
{
	size_t slot = 2 * (gochan_map_slot(mf) + 2), n;

	*bytes = 0;
	if (mf->max_entries)
		hint = min(hint, mf->max_entries);
	if (!hint || hint > GOCHAN_MAX_HINT / slot / 16 * 7)
		return 0;
	n = hint;
	*bytes = slot * roundup_pow_of_two(n * 8 / 7 + 1);
	return n;
}

static int gochan_map_setup(struct gochan_map_file *mf, size_t hint)
{
	const struct gomap_params params = {
		.key_size = mf->key_size,
		.val_size = mf->value_size,
		.flags = GOMAP_SIPHASH | (mf->varlen ? GOMAP_BYTES : 0),
		.max_entries = min_t(u64, mf->max_entries, SIZE_MAX),
		/* With GFP_KERNEL, which all commands use: GOCHAN_GFP_USER. */
		.gfp = __GFP_ACCOUNT | __GFP_NOWARN | __GFP_RETRY_MAYFAIL,
	};

	return gomap_init(&mf->map, &params, hint, GFP_KERNEL);
}

/* Make a map, charged to the caller, and what its file will own. */
static struct gochan_map_file *
gochan_map_new(const struct gochan_map_create *arg)
{
	struct gochan_map_file *mf;
	size_t hint, room;
	int err;

	mf = kzalloc(sizeof(*mf), GFP_KERNEL_ACCOUNT);
	if (!mf)
		return ERR_PTR(-ENOMEM);
	mf->key_size = arg->key_size;
	mf->value_size = arg->value_size;
	mf->varlen = arg->flags & GOCHAN_MAP_VARLEN;
	mf->words = !mf->varlen && arg->key_size == sizeof(u64) &&
		    arg->value_size == sizeof(u64);
	mf->max_entries = arg->max_entries;
	refcount_set(&mf->refs, 1);
	mutex_init(&mf->lock);
	hint = gochan_map_hint(mf, arg->hint, &room);
	mf->charged = sizeof(*mf) + room;
	mf->delete_limit = GOCHAN_MIN_DELETED;

	mf->acct = gochan_charge(mf->charged);
	if (IS_ERR(mf->acct)) {
		err = PTR_ERR(mf->acct);
		goto free_mf;
	}
	err = gochan_map_setup(mf, hint);
	if (err)
		goto uncharge;
	gochan_map_settle(mf);
	return mf;

uncharge:
	gochan_uncharge(mf->acct, mf->charged);
free_mf:
	mutex_destroy(&mf->lock);
	kfree(mf);
	return ERR_PTR(err);
}

/* GOCHAN_IOC_MAP_CREATE: return a new file descriptor. */
long gochan_map_create(struct file *dev, union gochan_arg *arg)
{
	const struct gochan_map_create *create = &arg->map_create;
	struct gochan_map_file *mf;
	struct file *file;
	int fd;

	BUILD_BUG_ON(GOCHAN_MAX_KEY_SIZE != GOMAP_MAX_KEY_SIZE);
	BUILD_BUG_ON(GOCHAN_MAX_VALUE_SIZE != GOMAP_MAX_VAL_SIZE);

	if (create->flags & ~GOCHAN_MAP_VARLEN ||
	    !create->key_size || create->key_size > GOCHAN_MAX_KEY_SIZE ||
	    create->value_size > GOCHAN_MAX_VALUE_SIZE)
		return -EINVAL;
	mf = gochan_map_new(create);
	if (IS_ERR(mf))
		return PTR_ERR(mf);
	file = gochan_fs_file(&gochan_map_fops, mf);
	if (IS_ERR(file)) {
		gochan_map_drop(mf);
		return PTR_ERR(file);
	}
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		fput(file);
		return fd;
	}
	fd_install(fd, file);
	return fd;
}

static bool gochan_map_is(const struct gochan_map_file *mf,
			  const struct gomap_params *want)
{
	return mf->key_size == want->key_size &&
	       mf->value_size == want->val_size &&
	       mf->varlen == !!(want->flags & GOMAP_BYTES);
}

/**
 * gomap_get_from_fd - get the map that a descriptor stands for
 * @fd: a descriptor of the current process
 * @want: what the caller takes it for: key_size, val_size, and whether flags
 *	have GOMAP_BYTES; nothing else is looked at
 *
 * All of the kernel's functions for maps work on it, gomap_destroy() and
 * gomap_free() excepted. What is inserted is charged to the map's user like
 * everything in it, but not refused: the caller decides how much that may be.
 *
 * Context: Process context.
 * Return: the map, to be given back by gomap_put_from_fd(), or ERR_PTR(-EBADF)
 * if @fd is not open, or ERR_PTR(-EINVAL) if it is not of a map such as @want.
 */
struct gomap *gomap_get_from_fd(int fd, const struct gomap_params *want)
{
	struct gochan_map_file *mf;
	struct file *file = fget(fd);
	struct gomap *map;

	if (!file)
		return ERR_PTR(-EBADF);
	mf = file->private_data;
	if (file->f_op == &gochan_map_fops && gochan_map_is(mf, want)) {
		refcount_inc(&mf->refs);
		map = &mf->map;
	} else {
		map = ERR_PTR(-EINVAL);
	}
	fput(file);
	return map;
}
EXPORT_SYMBOL_NS_GPL(gomap_get_from_fd, GOCHAN_NS);

/**
 * gomap_put_from_fd - give back a map
 * @m: what gomap_get_from_fd() has returned
 *
 * Without descriptors, the last one to give it back frees the map.
 *
 * Context: Process context. May sleep.
 */
void gomap_put_from_fd(struct gomap *m)
{
	gochan_map_drop(container_of(m, struct gochan_map_file, map));
}
EXPORT_SYMBOL_NS_GPL(gomap_put_from_fd, GOCHAN_NS);
