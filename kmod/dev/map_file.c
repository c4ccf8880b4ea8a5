// SPDX-License-Identifier: GPL-2.0-only
/*
 * Maps as files: making and freeing them, what they show of themselves, and
 * what they are charged for. The commands are in map_ops.c and map_batch.c.
 *
 * Charging a map
 *	Its memory is charged to its maker's account as it is allocated, and
 *	uncharged as it is freed: the account is the map's payer (quota.c).
 *	A command that needs more than the account may have is refused before
 *	anything is changed.
 *
 *	Overwriting never fails for that. A value that is kept outside the table
 *	takes the room of two until nobody reads the old one: a user at the
 *	limit gets it for that time.
 *
 *	What kernel code inserts (gomap_get_from_fd()) is charged but not
 *	refused, unless its flags have __GFP_ACCOUNT.
 *
 *	When an eighth of the slots would do, deletions do bounded steps of
 *	shrinking the map.
 *
 * Lifetime: internal.h.
 */

#include <linux/err.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "../compat.h"
#include "map_file.h"

/* A hint for more memory than this is a mistake, and ignored. */
#define GOCHAN_MAX_HINT		SZ_1G

/*
 * What a map takes.
 */

/* Beside what gomap_stats() knows of. */
static size_t gochan_map_footprint(void)
{
	return kmalloc_size_roundup(sizeof(struct gochan_map_file));
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
	gomap_shrink_some(&mf->map, n, GFP_KERNEL | __GFP_NORETRY);
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
	size_t bytes;

	gomap_stats(&mf->map, &st);
	bytes = gochan_map_footprint() + st.bytes;
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
		.bytes = bytes,
		.charged = bytes,
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
	gochan_uncharge(mf->acct, gochan_map_footprint());
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
 * How many entries to make room for at once. An entry has less than one control
 * byte and its part of a table's head; half of the slots may stay empty.
 */
static size_t gochan_map_hint(const struct gochan_map_file *mf, u64 hint)
{
	size_t value = min_t(size_t, mf->value_size, GOMAP_MAX_INLINE);

	if (mf->max_entries)
		hint = min(hint, mf->max_entries);
	return hint > GOCHAN_MAX_HINT / (2 * (mf->key_size + value + 2)) ?
	       0 : hint;
}

/* A hint that there is no room for is no error: less will do. */
static int gochan_map_setup(struct gochan_map_file *mf, size_t hint)
{
	const struct gomap_params params = {
		.key_size = mf->key_size,
		.val_size = mf->value_size,
		.flags = GOMAP_SIPHASH | (mf->varlen ? GOMAP_BYTES : 0),
		.max_entries = min_t(u64, mf->max_entries, SIZE_MAX),
		.gfp = __GFP_ACCOUNT | __GFP_NOWARN | __GFP_RETRY_MAYFAIL,
		.payer = gochan_payer(mf->acct),
	};
	int err;

	for (;;) {
		err = gomap_init(&mf->map, &params, hint, GOCHAN_GFP_USER);
		if (!hint || (err != -EDQUOT && err != -ENOMEM))
			return err;
		hint /= 2;
	}
}

/* Make a map, charged to the caller, and what its file will own. */
static struct gochan_map_file *
gochan_map_new(const struct gochan_map_create *arg)
{
	struct gochan_map_file *mf;
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

	mf->acct = gochan_charge(gochan_map_footprint());
	if (IS_ERR(mf->acct)) {
		err = PTR_ERR(mf->acct);
		goto free_mf;
	}
	err = gochan_map_setup(mf, gochan_map_hint(mf, arg->hint));
	if (err)
		goto uncharge;
	return mf;

uncharge:
	gochan_uncharge(mf->acct, gochan_map_footprint());
free_mf:
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
 * everything in it, but not refused, unless @gfp of the call has __GFP_ACCOUNT:
 * the caller decides how much that may be.
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
