/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private parts of the device: what its files share.
 *
 * Lifetime
 *	An object is made by an ioctl of /dev/gochan, with one struct file. A
 *	file owns a reference to the object and a pin of the pseudo filesystem.
 *	A task asleep in a call holds the file.
 *
 *	GOCHAN_IOC_RESTRICT makes more files for one channel, and kernel code
 *	that got an object by its descriptor may hold it when no file is left.
 *	So the charge to the user's account hangs off the object: it is given
 *	back with the last reference, see chan_file.h and map_file.h.
 *
 *	An open file holds the module through its file operations, and the
 *	pseudo filesystem, which outlives them by a moment in __fput(), holds
 *	it through its file_system_type. So there is no window in which the
 *	module's text is gone but needed.
 *
 * Locks
 *	The account table's spinlock (quota.c) is irq-safe; the locks of the map
 *	of accounts nest inside it. The lock of an account nests inside all
 *	locks of maps.
 */

#ifndef _GOCHAN_DEV_INTERNAL_H
#define _GOCHAN_DEV_INTERNAL_H

#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/uaccess.h>
#include <uapi/linux/gochan.h>

/*
 * How to allocate what a user chooses the size of. Too much of it is an error
 * that the user gets: no stack trace in the log, and no task of the memory
 * cgroup, or of the machine, is killed for it.
 */
#define GOCHAN_GFP_USER		(GFP_KERNEL_ACCOUNT | __GFP_NOWARN | \
				 __GFP_RETRY_MAYFAIL)

struct gochan_account;
struct gomap_payer;

/**
 * union gochan_arg - a copy of any ioctl's argument
 * @size: the member that all begin with
 * @chan_create: GOCHAN_IOC_CHAN_CREATE
 * @msg: GOCHAN_IOC_SEND, GOCHAN_IOC_RECV
 * @msg_batch: GOCHAN_IOC_SEND_MANY, GOCHAN_IOC_RECV_MANY
 * @restrict_to: GOCHAN_IOC_RESTRICT
 * @select: GOCHAN_IOC_SELECT
 * @info: GOCHAN_IOC_INFO
 * @map_create: GOCHAN_IOC_MAP_CREATE
 * @map_entry: GOCHAN_IOC_MAP_GET, _PUT, _DELETE, _TAKE
 * @map_cas: GOCHAN_IOC_MAP_CAS
 * @map_add: GOCHAN_IOC_MAP_ADD
 * @map_batch: GOCHAN_IOC_MAP_GET_MANY, _PUT_MANY, _DELETE_MANY
 * @map_iter: GOCHAN_IOC_MAP_ITER
 * @map_info: GOCHAN_IOC_MAP_INFO
 */
union gochan_arg {
	__u32 size;
	struct gochan_chan_create chan_create;
	struct gochan_msg msg;
	struct gochan_msg_batch msg_batch;
	struct gochan_restrict restrict_to;
	struct gochan_select select;
	struct gochan_info info;
	struct gochan_map_create map_create;
	struct gochan_map_entry map_entry;
	struct gochan_map_cas map_cas;
	struct gochan_map_add map_add;
	struct gochan_map_batch map_batch;
	struct gochan_map_iter map_iter;
	struct gochan_map_info map_info;
};

/**
 * struct gochan_op - one ioctl
 * @cmd: its number
 * @mode: FMODE_READ or FMODE_WRITE, if the descriptor needs that right
 * @min_size: size of the argument in its first version; 0: the argument is no
 *	pointer and must be 0
 * @size: size of the argument as known here
 * @out: the argument carries results back
 * @irrevocable: what was done is lost if the results cannot be delivered
 * @partial: results are copied back after an error, too: how far it got
 * @fn: does the work on a copy; unless @partial is set, a negative return
 *	leaves the original alone
 */
struct gochan_op {
	unsigned int cmd;
	fmode_t mode;
	u32 min_size;
	u32 size;
	bool out;
	bool irrevocable;
	bool partial;
	long (*fn)(struct file *file, union gochan_arg *arg);
};

/* uaccess.c */
long gochan_dispatch(const struct gochan_op *ops, size_t nr_ops,
		     struct file *file, unsigned int cmd, unsigned long uarg);
int gochan_probe_write(void __user *buf, size_t len);

/*
 * copy_from_user() and copy_to_user(), but for one word, as most messages, keys
 * and values are, in a fifth of the instructions. A word that cannot be accessed
 * is left to them: they tell which part of it can, and where unaligned accesses
 * fault, they get it.
 */
static inline unsigned long gochan_get_user(void *to, const void __user *from,
					    unsigned long len)
{
	u64 word;

	if (len != sizeof(word) || get_user(word, (const u64 __user *)from))
		return copy_from_user(to, from, len);
	memcpy(to, &word, sizeof(word));
	return 0;
}

static inline unsigned long gochan_put_user(void __user *to, const void *from,
					    unsigned long len)
{
	u64 word;

	if (len != sizeof(word))
		return copy_to_user(to, from, len);
	memcpy(&word, from, sizeof(word));
	if (put_user(word, (u64 __user *)to))
		return copy_to_user(to, from, len);
	return 0;
}

/* chan_file.c */
long gochan_chan_create(struct file *file, union gochan_arg *arg);

/* select.c */
long gochan_select(struct file *dev, union gochan_arg *uarg);

/* map_file.c */
long gochan_map_create(struct file *file, union gochan_arg *arg);

/* fs.c */
struct file *gochan_fs_file(const struct file_operations *fops, void *priv);
struct file *gochan_fs_reopen(struct file *old, int flags);
int gochan_fs_pin(void);
void gochan_fs_release(void);

/* quota.c */
struct gochan_account *gochan_charge(size_t bytes);
struct gomap_payer *gochan_payer(struct gochan_account *acct);
int gochan_overdraft_begin(struct gochan_account *acct);
void gochan_overdraft_end(struct gochan_account *acct);
void gochan_uncharge(struct gochan_account *acct, size_t bytes);
int gochan_quota_init(void);
void gochan_quota_exit(void);

#endif /* _GOCHAN_DEV_INTERNAL_H */
