/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the device that deal with maps share: map_file.c makes and
 * frees maps and keeps their charge, map_ops.c has the commands for one key,
 * map_batch.c those for many.
 */

#ifndef _GOCHAN_MAP_FILE_H
#define _GOCHAN_MAP_FILE_H

#include <linux/atomic.h>
#include <linux/gomap.h>
#include <linux/refcount.h>
#include <linux/uaccess.h>

#include "internal.h"

/**
 * struct gochan_map_file - a map, and what its file needs to know
 * @map: the map
 * @refs: one of the file, and those of kernel code that got the map from it
 * @acct: the account it is charged to; invariant
 * @key_size: the map's key size; invariant
 * @value_size: the map's value size; invariant
 * @varlen: keys have a length of their own; invariant
 * @words: keys and values have eight bytes; invariant
 * @max_entries: the limit, or 0; invariant
 */
struct gochan_map_file {
	struct gomap map;
	refcount_t refs;
	struct gochan_account *acct;
	u32 key_size;
	u32 value_size;
	bool varlen;
	bool words;
	u64 max_entries;
};

/**
 * struct gochan_map_key - a key from user space
 * @bytes: with variable length, what gomap wants
 * @data: its bytes
 */
struct gochan_map_key {
	struct gomap_bytes bytes;
	u8 data[GOCHAN_MAX_KEY_SIZE] __aligned(8);
};

/*
 * copy_from_user() and copy_to_user() with an address as the ABI has it, of
 * which a 32-bit kernel must not drop the upper half.
 */
static inline size_t gochan_copy_in(void *to, u64 from, size_t len)
{
	if (from != (unsigned long)from)
		return len;
	return gochan_get_user(to, u64_to_user_ptr(from), len);
}

static inline size_t gochan_copy_out(u64 to, const void *from, size_t len)
{
	if (to != (unsigned long)to)
		return len;
	return gochan_put_user(u64_to_user_ptr(to), from, len);
}

static inline int gochan_probe_out(u64 to, size_t len)
{
	if (to != (unsigned long)to)
		return -EFAULT;
	return gochan_probe_write(u64_to_user_ptr(to), len);
}

/* map_file.c */
void gochan_map_info_of(struct gochan_map_file *mf, struct gochan_map_info *info);
void gochan_map_deleted(struct gochan_map_file *mf, u32 n);

/* map_ops.c */
long gochan_map_dispatch(struct file *file, unsigned int cmd,
			 unsigned long arg);
int gochan_put_how(u32 flags, enum gomap_put_how *how);
int gochan_map_store(struct gochan_map_file *mf, const void *key,
		     const void *value, enum gomap_put_how how);

/* map_word.c */
long gochan_word_get(struct file *file, unsigned long uarg);
long gochan_word_put(struct file *file, unsigned long uarg);

/* map_batch.c */
long gochan_map_get_many(struct file *file, union gochan_arg *arg);
long gochan_map_put_many(struct file *file, union gochan_arg *arg);
long gochan_map_delete_many(struct file *file, union gochan_arg *arg);
long gochan_map_iterate(struct file *file, union gochan_arg *arg);

#endif /* _GOCHAN_MAP_FILE_H */
