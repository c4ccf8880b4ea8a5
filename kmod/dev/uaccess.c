// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copying ioctl arguments in and out, for every command in one place, and
 * making sure of user memory before anything irrevocable is done.
 */

#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "internal.h"

/**
 * gochan_probe_write - check that user memory can be written
 * @buf: the memory
 * @len: its length in bytes
 *
 * Writes one byte of each page with its own value. fault_in_writeable() would
 * zero it, and a receive that then finds nothing must leave the buffer as it
 * was. fault_in_safe_writeable() writes nothing, but takes the lock of the
 * address space and walks the page tables for every page, on each call.
 *
 * Context: Process context. May fault.
 * Return: 0 or -EFAULT.
 */
int gochan_probe_write(void __user *buf, size_t len)
{
	char __user *p = buf, *end = p + len;
	char c;

	if (!len)
		return 0;
	if (!access_ok(buf, len))
		return -EFAULT;
	while (p < end) {
		if (get_user(c, p) || put_user(c, p))
			return -EFAULT;
		p = (char __user *)PAGE_ALIGN((unsigned long)p + 1);
	}
	return 0;
}

static const struct gochan_op *gochan_find_op(const struct gochan_op *ops,
					      size_t nr_ops, unsigned int cmd)
{
	for (; nr_ops; nr_ops--, ops++)
		if (ops->cmd == cmd)
			return ops;
	return NULL;
}

/*
 * Arguments are a few words. Copied one by one, in one section of access to user
 * memory, they take a third of the instructions of copy_from_user(), which looks
 * at the bounds of what it copies.
 */

/*
 * Copy an argument in that has the size known here, and see to it that it can
 * be written if it has to be. Return false if that cannot be done.
 */
static bool gochan_arg_in(union gochan_arg *arg, void __user *uptr,
			  const struct gochan_op *op)
{
	unsigned long *to = (unsigned long *)arg;
	unsigned long __user *from = uptr;
	const u32 words = op->size / sizeof(long);
	u32 i;

	if (!IS_ALIGNED((unsigned long)uptr | op->size, sizeof(long)) ||
	    !user_access_begin(from, op->size))
		return false;
	for (i = 0; i < words; i++)
		unsafe_get_user(to[i], from + i, fault);
	/* What is behind a smaller argument may be read, but not be touched. */
	if (arg->size != op->size)
		goto fault;
	for (i = 0; op->irrevocable && i < words; i++)
		unsafe_put_user(to[i], from + i, fault);
	user_access_end();
	return true;

fault:
	user_access_end();
	return false;
}

/* As above, for a caller that knows fewer members or more, or any other. */
static int gochan_arg_in_any_size(union gochan_arg *arg, void __user *uptr,
				  const struct gochan_op *op)
{
	u32 size;
	int err;

	if (get_user(size, (u32 __user *)uptr))
		return -EFAULT;
	if (size < op->min_size)
		return -EINVAL;
	/* As other extensible structs do: no scan of arbitrary length. */
	if (size > PAGE_SIZE)
		return -E2BIG;
	err = copy_struct_from_user(arg, op->size, uptr, size);
	if (err)
		return err;
	arg->size = size;
	if (op->irrevocable && gochan_probe_write(uptr, min(size, op->size)))
		return -EFAULT;
	return 0;
}

/* Copy results out, of an argument of @size bytes. */
static bool gochan_arg_out(void __user *uptr, const union gochan_arg *arg,
			   u32 size)
{
	const unsigned long *from = (const unsigned long *)arg;
	unsigned long __user *to = uptr;
	u32 i;

	if (!IS_ALIGNED((unsigned long)uptr | size, sizeof(long)))
		return !copy_to_user(uptr, arg, size);
	if (!user_access_begin(to, size))
		return false;
	for (i = 0; i < size / sizeof(long); i++)
		unsafe_put_user(from[i], to + i, fault);
	user_access_end();
	return true;

fault:
	user_access_end();
	return false;
}

/**
 * gochan_dispatch - run an ioctl
 * @ops: the commands of this kind of file
 * @nr_ops: their number
 * @file: the file
 * @cmd: the command
 * @uarg: its argument
 *
 * The size in the first member decides how much is copied. What the caller
 * does not have is zero; what we do not know must be.
 *
 * Context: Process context.
 * Return: what the command returns, or -ENOTTY for an unknown one, -EBADF if
 * the descriptor has no right to it, -EINVAL for a size below that of the first
 * version, -E2BIG for unknown fields that are not zero, -EFAULT.
 */
long gochan_dispatch(const struct gochan_op *ops, size_t nr_ops,
		     struct file *file, unsigned int cmd, unsigned long uarg)
{
	const struct gochan_op *op = gochan_find_op(ops, nr_ops, cmd);
	void __user *uptr = (void __user *)uarg;
	union gochan_arg arg;
	u32 size;
	long ret;

	if (!op)
		return -ENOTTY;
	if (op->mode & ~file->f_mode)
		return -EBADF;
	if (!op->min_size)
		return uarg ? -EINVAL : op->fn(file, NULL);

	size = op->size;
	if (!gochan_arg_in(&arg, uptr, op)) {
		ret = gochan_arg_in_any_size(&arg, uptr, op);
		if (ret)
			return ret;
		size = min(arg.size, op->size);
	}
	ret = op->fn(file, &arg);
	if (!op->out || (ret < 0 && !op->partial))
		return ret;
	/* The first error is the one to report. */
	if (!gochan_arg_out(uptr, &arg, size) && ret >= 0)
		return -EFAULT;
	return ret;
}
