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

	if (get_user(size, (u32 __user *)uptr))
		return -EFAULT;
	if (size < op->min_size)
		return -EINVAL;
	/* As other extensible structs do: no scan of arbitrary length. */
	if (size > PAGE_SIZE)
		return -E2BIG;
	ret = copy_struct_from_user(&arg, op->size, uptr, size);
	if (ret)
		return ret;
	arg.size = size;
	size = min(size, op->size);

	if (op->irrevocable && gochan_probe_write(uptr, size))
		return -EFAULT;
	ret = op->fn(file, &arg);
	if (!op->out || (ret < 0 && !op->partial))
		return ret;
	/* The first error is the one to report. */
	if (copy_to_user(uptr, &arg, size) && ret >= 0)
		return -EFAULT;
	return ret;
}
