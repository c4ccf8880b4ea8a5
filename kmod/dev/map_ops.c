// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls of a map that deal with one key or with the map as a whole.
 *
 * Keys and values are staged in kernel memory, because no user memory is
 * touched under a lock of the map. Keys, and values of up to
 * GOCHAN_STACK_VALUE bytes, are staged on the stack.
 */

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "map_file.h"

/* What maps keep in their tables: most values. */
#define GOCHAN_STACK_VALUE	GOMAP_MAX_INLINE

/**
 * struct gochan_stage - kernel memory for a value
 * @p: the memory
 * @stack: room for a small one
 */
struct gochan_stage {
	void *p;
	u8 stack[GOCHAN_STACK_VALUE] __aligned(8);
};

static int gochan_stage_init(struct gochan_stage *s, size_t size)
{
	s->p = s->stack;
	if (size > sizeof(s->stack))
		s->p = kvmalloc(size, GOCHAN_GFP_USER);
	return s->p ? 0 : -ENOMEM;
}

static void gochan_stage_free(struct gochan_stage *s)
{
	if (s->p != s->stack)
		kvfree(s->p);
}

/* Fetch a key. Return what the map wants as one, or an ERR_PTR(). */
static const void *gochan_key_in(const struct gochan_map_file *mf,
				 struct gochan_map_key *k, u64 key, u32 len)
{
	if (mf->varlen ? len > mf->key_size : len != mf->key_size)
		return ERR_PTR(-EINVAL);
	if (gochan_copy_in(k->data, key, len))
		return ERR_PTR(-EFAULT);
	if (!mf->varlen)
		return k->data;
	k->bytes = (struct gomap_bytes) { .data = k->data, .len = len };
	return &k->bytes;
}

/* Is the value that a command could return not wanted? */
static bool gochan_no_value(const struct gochan_map_entry *arg)
{
	return !arg->value && !arg->value_len;
}

/*
 * The commands.
 */

static int gochan_get_value(struct gochan_map_file *mf, const void *key,
			    const struct gochan_map_entry *arg)
{
	struct gochan_stage s;
	int err = gochan_stage_init(&s, mf->value_size);

	if (err)
		return err;
	if (!gomap_get(&mf->map, key, s.p))
		err = -ENOENT;
	else if (gochan_copy_out(arg->value, s.p, mf->value_size))
		err = -EFAULT;
	gochan_stage_free(&s);
	return err;
}

static int gochan_get_entry(struct gochan_map_file *mf,
			    const struct gochan_map_entry *e)
{
	struct gochan_map_key k;
	const void *key;

	if (!gochan_no_value(e) && e->value_len != mf->value_size)
		return -EINVAL;
	key = gochan_key_in(mf, &k, e->key, e->key_len);
	if (IS_ERR(key))
		return PTR_ERR(key);
	if (gochan_no_value(e))
		return gomap_contains(&mf->map, key) ? 0 : -ENOENT;
	return gochan_get_value(mf, key, e);
}

static long gochan_map_get(struct file *file, union gochan_arg *arg)
{
	const struct gochan_map_entry *e = &arg->map_entry;
	struct gochan_map_file *mf = file->private_data;

	if (e->flags)
		return -EINVAL;
	return gochan_get_entry(mf, e);
}

/**
 * gochan_put_how - translate the flags of a put
 * @flags: GOCHAN_MAP_PUT_* flags
 * @how: set to what they mean
 *
 * Return: 0, or -EINVAL for unknown flags or two that exclude each other.
 */
int gochan_put_how(u32 flags, enum gomap_put_how *how)
{
	switch (flags) {
	case 0:
		*how = GOMAP_ANY;
		return 0;
	case GOCHAN_MAP_PUT_NEW:
		*how = GOMAP_NEW;
		return 0;
	case GOCHAN_MAP_PUT_EXISTING:
		*how = GOMAP_EXISTING;
		return 0;
	default:
		return -EINVAL;
	}
}

/**
 * gochan_map_store - put an entry, if the user's quota allows it
 * @mf: the map's file
 * @key: the key, as the map wants it
 * @value: the value
 * @how: what to do about the key's presence
 *
 * Context: Process context. May sleep.
 * Return: as gomap_put(), or -EDQUOT; -EINTR if the task was killed while it
 * waited for memory that is about to be freed.
 */
int gochan_map_store(struct gochan_map_file *mf, const void *key,
		     const void *value, enum gomap_put_how how)
{
	int err = gomap_put(&mf->map, key, value, how, GOCHAN_GFP_USER);

	if (likely(err != -EDQUOT))
		return err;
	if (how == GOMAP_NEW)
		return gomap_contains(&mf->map, key) ? -EEXIST : -EDQUOT;
	if (!gomap_contains(&mf->map, key))
		return how == GOMAP_ANY ? -EDQUOT : -ENOENT;
	/* Overwriting takes no more room than there is, or only for a moment. */
	err = gochan_overdraft_begin(mf->acct);
	if (err)
		return err;
	err = gomap_put(&mf->map, key, value, GOMAP_EXISTING, GFP_KERNEL);
	gochan_overdraft_end(mf->acct);
	return err == -ENOENT && how == GOMAP_ANY ? -EDQUOT : err;
}

static int gochan_put_entry(struct gochan_map_file *mf,
			    const struct gochan_map_entry *e,
			    enum gomap_put_how how)
{
	struct gochan_map_key k;
	struct gochan_stage s;
	const void *key;
	int err;

	if (e->value_len != mf->value_size)
		return -EINVAL;
	key = gochan_key_in(mf, &k, e->key, e->key_len);
	if (IS_ERR(key))
		return PTR_ERR(key);
	err = gochan_stage_init(&s, mf->value_size);
	if (err)
		return err;
	if (gochan_copy_in(s.p, e->value, mf->value_size))
		err = -EFAULT;
	else
		err = gochan_map_store(mf, key, s.p, how);
	gochan_stage_free(&s);
	return err;
}

static long gochan_map_put(struct file *file, union gochan_arg *arg)
{
	const struct gochan_map_entry *e = &arg->map_entry;
	struct gochan_map_file *mf = file->private_data;
	enum gomap_put_how how;
	int err = gochan_put_how(e->flags, &how);

	if (err)
		return err;
	return gochan_put_entry(mf, e, how);
}

static long gochan_map_delete(struct file *file, union gochan_arg *arg)
{
	const struct gochan_map_entry *e = &arg->map_entry;
	struct gochan_map_file *mf = file->private_data;
	struct gochan_map_key k;
	const void *key;
	int err;

	if (e->flags || !gochan_no_value(e))
		return -EINVAL;
	key = gochan_key_in(mf, &k, e->key, e->key_len);
	if (IS_ERR(key))
		return PTR_ERR(key);
	err = gomap_delete(&mf->map, key);
	if (!err)
		gochan_map_deleted(mf, 1);
	return err;
}

static int gochan_take_value(struct gochan_map_file *mf, const void *key,
			     const struct gochan_map_entry *arg)
{
	struct gochan_stage s;
	int err = gochan_stage_init(&s, mf->value_size);

	if (err)
		return err;
	err = gomap_take(&mf->map, key, s.p);
	/*
	 * The value could be written a moment ago. If it no longer can, its
	 * owner has unmapped it during the call and loses the entry.
	 */
	if (!err && gochan_copy_out(arg->value, s.p, mf->value_size))
		err = -EFAULT;
	gochan_stage_free(&s);
	return err;
}

static long gochan_map_take(struct file *file, union gochan_arg *arg)
{
	const struct gochan_map_entry *e = &arg->map_entry;
	struct gochan_map_file *mf = file->private_data;
	struct gochan_map_key k;
	const void *key;
	int err;

	if (e->flags || (!gochan_no_value(e) && e->value_len != mf->value_size))
		return -EINVAL;
	key = gochan_key_in(mf, &k, e->key, e->key_len);
	if (IS_ERR(key))
		return PTR_ERR(key);
	if (gochan_probe_out(e->value, e->value_len))
		return -EFAULT;
	if (gochan_no_value(e))
		err = gomap_delete(&mf->map, key);
	else
		err = gochan_take_value(mf, key, e);
	if (!err)
		gochan_map_deleted(mf, 1);
	return err;
}

/* Compare and swap by way of @old and @new, which have room for a value each. */
static int gochan_cas_staged(struct gochan_map_file *mf, const void *key,
			     const struct gochan_map_cas *arg, void *old,
			     void *new)
{
	int err;

	if (gochan_copy_in(old, arg->expected, mf->value_size) ||
	    gochan_copy_in(new, arg->value, mf->value_size) ||
	    gochan_probe_out(arg->expected, mf->value_size))
		return -EFAULT;
	err = gomap_cas(&mf->map, key, old, new, GOCHAN_GFP_USER);
	if (err == -EDQUOT) {
		err = gochan_overdraft_begin(mf->acct);
		if (err)
			return err;
		err = gomap_cas(&mf->map, key, old, new, GFP_KERNEL);
		gochan_overdraft_end(mf->acct);
	}
	if (err == -EEXIST &&
	    gochan_copy_out(arg->expected, old, mf->value_size))
		return -EFAULT;
	return err;
}

static long gochan_map_cas(struct file *file, union gochan_arg *arg)
{
	const struct gochan_map_cas *cas = &arg->map_cas;
	struct gochan_map_file *mf = file->private_data;
	struct gochan_map_key k;
	struct gochan_stage s;
	const void *key;
	size_t new;
	int err;

	if (cas->flags || cas->value_len != mf->value_size)
		return -EINVAL;
	key = gochan_key_in(mf, &k, cas->key, cas->key_len);
	if (IS_ERR(key))
		return PTR_ERR(key);
	new = ALIGN(mf->value_size, 8);
	err = gochan_stage_init(&s, 2 * new);
	if (err)
		return err;
	err = gochan_cas_staged(mf, key, cas, s.p, s.p + new);
	gochan_stage_free(&s);
	return err;
}

static int gochan_add_to(struct gochan_map_file *mf, const void *key,
			 struct gochan_map_add *add)
{
	enum gomap_put_how how = add->flags & GOCHAN_MAP_ADD_CREATE ?
				 GOMAP_ANY : GOMAP_EXISTING;

	return gomap_add(&mf->map, key, add->delta, how, &add->sum,
			 GOCHAN_GFP_USER);
}

static long gochan_map_add(struct file *file, union gochan_arg *arg)
{
	struct gochan_map_file *mf = file->private_data;
	struct gochan_map_add *add = &arg->map_add;
	struct gochan_map_key k;
	const void *key;

	if (add->flags & ~GOCHAN_MAP_ADD_CREATE || add->pad ||
	    (mf->value_size != sizeof(u32) && mf->value_size != sizeof(u64)))
		return -EINVAL;
	key = gochan_key_in(mf, &k, add->key, add->key_len);
	if (IS_ERR(key))
		return PTR_ERR(key);
	return gochan_add_to(mf, key, add);
}

static long gochan_map_clear(struct file *file, union gochan_arg *arg)
{
	struct gochan_map_file *mf = file->private_data;

	gomap_clear(&mf->map);
	return 0;
}

static long gochan_map_info(struct file *file, union gochan_arg *arg)
{
	if (arg->map_info.flags)
		return -EINVAL;
	gochan_map_info_of(file->private_data, &arg->map_info);
	return 0;
}

#define GOCHAN_ENTRY_OP(cmd_, fn_)					\
	{								\
		.cmd = cmd_,						\
		.min_size = offsetofend(struct gochan_map_entry, value_len), \
		.size = sizeof(struct gochan_map_entry),		\
		.fn = fn_,						\
	}

#define GOCHAN_BATCH_OP(cmd_, fn_, irrevocable_)			\
	{								\
		.cmd = cmd_,						\
		.min_size = offsetofend(struct gochan_map_batch, done),	\
		.size = sizeof(struct gochan_map_batch),		\
		.out = true,						\
		.irrevocable = irrevocable_,				\
		.partial = true,					\
		.fn = fn_,						\
	}

static const struct gochan_op gochan_map_ops[] = {
	GOCHAN_ENTRY_OP(GOCHAN_IOC_MAP_GET, gochan_map_get),
	GOCHAN_ENTRY_OP(GOCHAN_IOC_MAP_PUT, gochan_map_put),
	GOCHAN_ENTRY_OP(GOCHAN_IOC_MAP_DELETE, gochan_map_delete),
	GOCHAN_ENTRY_OP(GOCHAN_IOC_MAP_TAKE, gochan_map_take),
	{
		.cmd = GOCHAN_IOC_MAP_CAS,
		.min_size = offsetofend(struct gochan_map_cas, value_len),
		.size = sizeof(struct gochan_map_cas),
		.fn = gochan_map_cas,
	}, {
		.cmd = GOCHAN_IOC_MAP_ADD,
		.min_size = offsetofend(struct gochan_map_add, pad),
		.size = sizeof(struct gochan_map_add),
		.out = true,
		.irrevocable = true,
		.fn = gochan_map_add,
	},
	GOCHAN_BATCH_OP(GOCHAN_IOC_MAP_GET_MANY, gochan_map_get_many, false),
	GOCHAN_BATCH_OP(GOCHAN_IOC_MAP_PUT_MANY, gochan_map_put_many, true),
	GOCHAN_BATCH_OP(GOCHAN_IOC_MAP_DELETE_MANY, gochan_map_delete_many,
			true),
	{
		.cmd = GOCHAN_IOC_MAP_ITER,
		.min_size = offsetofend(struct gochan_map_iter, cursor),
		.size = sizeof(struct gochan_map_iter),
		.out = true,
		.partial = true,
		.fn = gochan_map_iterate,
	}, {
		.cmd = GOCHAN_IOC_MAP_CLEAR,
		.fn = gochan_map_clear,
	}, {
		.cmd = GOCHAN_IOC_MAP_INFO,
		.min_size = offsetofend(struct gochan_map_info, charged),
		.size = sizeof(struct gochan_map_info),
		.out = true,
		.fn = gochan_map_info,
	},
};

/* An ioctl of a map. */
long gochan_map_dispatch(struct file *file, unsigned int cmd,
			 unsigned long arg)
{
	return gochan_dispatch(gochan_map_ops, ARRAY_SIZE(gochan_map_ops), file,
			       cmd, arg);
}
