// SPDX-License-Identifier: GPL-2.0-only
/*
 * Channels as files: making channels, their descriptors with all rights or
 * fewer, what they show of themselves, and how they end. The commands are in
 * chan_ops.c and chan_batch.c.
 *
 * Closing by itself
 *	A channel made with GOCHAN_CHAN_AUTOCLOSE is closed by the release of
 *	the last file that may send, or of the last that may receive. Rights
 *	only ever get fewer, so what has reached zero stays there. A task asleep
 *	in a call holds its file, and a killed one gives it back.
 *
 *	References that kernel code holds do not count: a driver neither keeps a
 *	channel open whose processes have died, nor closes one by leaving.
 *
 * Rights and lifetime: chan_file.h, internal.h.
 */

#include <linux/err.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/poll.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "../compat.h"
#include "chan_file.h"

static __poll_t gochan_chan_poll(struct file *file, poll_table *pt)
{
	struct gochan_chan_obj *co = file->private_data;

	return gochan_poll_mode(co->ch, file, pt, file->f_mode);
}

static void gochan_chan_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct gochan_chan_obj *co = file->private_data;
	struct gochan_stat st;

	gochan_stat(co->ch, &st);
	seq_puts(m, "gochan-type:\tchan\n");
	seq_printf(m, "gochan-elem-size:\t%u\n", st.elem_size);
	seq_printf(m, "gochan-varlen:\t%d\n", st.varlen);
	seq_printf(m, "gochan-autoclose:\t%d\n", co->autoclose);
	seq_printf(m, "gochan-capacity:\t%u\n", st.cap);
	seq_printf(m, "gochan-length:\t%u\n", st.len);
	seq_printf(m, "gochan-closed:\t%d\n", st.closed);
	seq_printf(m, "gochan-senders:\t%u\n", st.senders);
	seq_printf(m, "gochan-receivers:\t%u\n", st.receivers);
}

static long gochan_chan_ioctl(struct file *file, unsigned int cmd,
			      unsigned long arg)
{
	if (cmd == GOCHAN_IOC_SEND)
		return gochan_word_send(file, arg);
	if (cmd == GOCHAN_IOC_RECV)
		return gochan_word_recv(file, arg);
	return gochan_chan_dispatch(file, cmd, arg);
}

/*
 * Life and death.
 */

/* The channel has gone, with its last reference. */
static void gochan_chan_gone(struct gochan_owner *owner)
{
	struct gochan_chan_obj *co =
		container_of(owner, struct gochan_chan_obj, owner);

	gochan_uncharge(co->acct, co->footprint);
	kfree(co);
}

/* Has the last file of a direction gone with one of mode @mode? */
static bool gochan_chan_uncount(struct gochan_chan_obj *co, fmode_t mode)
{
	bool last = false;

	if (mode & FMODE_WRITE)
		last |= refcount_dec_and_test(&co->senders);
	if (mode & FMODE_READ)
		last |= refcount_dec_and_test(&co->receivers);
	return last;
}

static int gochan_chan_release(struct inode *inode, struct file *file)
{
	struct gochan_chan_obj *co = file->private_data;
	struct gochan *ch = co->ch;

	/* Somebody may have closed it already. */
	if (gochan_chan_uncount(co, file->f_mode) && co->autoclose)
		gochan_close(ch);
	gochan_put(ch);
	gochan_fs_release();
	return 0;
}

static const struct file_operations gochan_chan_fops = {
	.owner = THIS_MODULE,
	.read = gochan_chan_read,
	.write = gochan_chan_write,
	.read_iter = gochan_chan_read_iter,
	.write_iter = gochan_chan_write_iter,
	.poll = gochan_chan_poll,
	.unlocked_ioctl = gochan_chan_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = gochan_chan_show_fdinfo,
	.release = gochan_chan_release,
};

/* The channel of a file, or NULL if it is another kind of file. */
struct gochan_chan_obj *gochan_chan_of_file(struct file *file)
{
	return file->f_op == &gochan_chan_fops ? file->private_data : NULL;
}

/* Give a file a descriptor, which the caller returns, or drop it. */
static int gochan_install(struct file *file)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);

	if (fd < 0)
		fput(file);
	else
		fd_install(fd, file);
	return fd;
}

static struct gochan *gochan_chan_alloc(const struct gochan_chan_create *arg)
{
	if (arg->flags & GOCHAN_CHAN_VARLEN)
		return gochan_alloc_varlen(arg->elem_size, arg->capacity,
					   GOCHAN_GFP_USER);
	return gochan_alloc(arg->elem_size, arg->capacity, GOCHAN_GFP_USER);
}

static struct gochan_chan_obj *
gochan_chan_obj_alloc(const struct gochan_chan_create *arg, size_t footprint)
{
	struct gochan_chan_obj *co = kzalloc(sizeof(*co), GFP_KERNEL_ACCOUNT);

	if (!co)
		return NULL;
	co->owner.module = THIS_MODULE;
	co->owner.release = gochan_chan_gone;
	co->footprint = footprint + kmalloc_size_roundup(sizeof(*co));
	co->elem_size = arg->elem_size;
	co->varlen = arg->flags & GOCHAN_CHAN_VARLEN;
	co->words = !co->varlen && co->elem_size == sizeof(u64);
	co->autoclose = arg->flags & GOCHAN_CHAN_AUTOCLOSE;
	/* The first file has all rights. */
	refcount_set(&co->senders, 1);
	refcount_set(&co->receivers, 1);
	return co;
}

/* Make a channel, charged to the caller, which owns its only reference. */
static struct gochan_chan_obj *
gochan_chan_new(const struct gochan_chan_create *arg)
{
	struct gochan_chan_obj *co;
	ssize_t size;
	int err;

	size = gochan_footprint(arg->elem_size, arg->capacity,
				arg->flags & GOCHAN_CHAN_VARLEN);
	if (size < 0)
		return ERR_PTR(size);
	co = gochan_chan_obj_alloc(arg, size);
	if (!co)
		return ERR_PTR(-ENOMEM);
	co->acct = gochan_charge(co->footprint);
	if (IS_ERR(co->acct)) {
		err = PTR_ERR(co->acct);
		goto free_co;
	}
	co->ch = gochan_chan_alloc(arg);
	if (IS_ERR(co->ch)) {
		err = PTR_ERR(co->ch);
		goto uncharge;
	}
	gochan_set_owner(co->ch, &co->owner);
	return co;

uncharge:
	gochan_uncharge(co->acct, co->footprint);
free_co:
	kfree(co);
	return ERR_PTR(err);
}

#define GOCHAN_CHAN_FLAGS	(GOCHAN_CHAN_VARLEN | GOCHAN_CHAN_AUTOCLOSE)

/* GOCHAN_IOC_CHAN_CREATE: return a new file descriptor. */
long gochan_chan_create(struct file *dev, union gochan_arg *arg)
{
	struct gochan_chan_obj *co;
	struct file *file;

	if (arg->chan_create.flags & ~GOCHAN_CHAN_FLAGS)
		return -EINVAL;
	co = gochan_chan_new(&arg->chan_create);
	if (IS_ERR(co))
		return PTR_ERR(co);
	file = gochan_fs_file(&gochan_chan_fops, co);
	if (IS_ERR(file)) {
		gochan_put(co->ch);
		return PTR_ERR(file);
	}
	return gochan_install(file);
}

/* Another file of @old's channel, open as @flags say. */
static struct file *gochan_chan_reopen(struct file *old, int flags)
{
	struct gochan_chan_obj *co = old->private_data;
	struct file *file = gochan_fs_reopen(old, flags);

	if (IS_ERR(file))
		return file;
	/* What @old counts for keeps the counts from being zero. */
	if (file->f_mode & FMODE_WRITE)
		refcount_inc(&co->senders);
	if (file->f_mode & FMODE_READ)
		refcount_inc(&co->receivers);
	gochan_get(co->ch);
	return file;
}

/* GOCHAN_IOC_RESTRICT: return a new file descriptor. */
long gochan_chan_restrict(struct file *old, union gochan_arg *arg)
{
	static const int flags[] = {
		[GOCHAN_RIGHT_SEND] = O_WRONLY,
		[GOCHAN_RIGHT_RECV] = O_RDONLY,
		[GOCHAN_RIGHT_SEND | GOCHAN_RIGHT_RECV] = O_RDWR,
	};
	u32 rights = arg->restrict_to.rights;
	struct file *file;
	int mode;

	if (arg->restrict_to.flags || arg->restrict_to.pad ||
	    !rights || rights >= ARRAY_SIZE(flags))
		return -EINVAL;
	mode = flags[array_index_nospec(rights, ARRAY_SIZE(flags))];
	if (OPEN_FMODE(mode) & ~old->f_mode)
		return -EBADF;
	file = gochan_chan_reopen(old, mode);
	if (IS_ERR(file))
		return PTR_ERR(file);
	return gochan_install(file);
}

/**
 * gochan_get_from_fd - get the channel that a descriptor stands for
 * @fd: a descriptor of the current process
 * @mode: FMODE_WRITE to send, FMODE_READ to receive: the rights it must have
 * @elem_size: the element size that the caller sends or has room for
 * @varlen: whether messages have a length of their own, up to @elem_size
 *
 * The process chose what it made. A channel of another element size would have
 * gochan_send() read, or gochan_recv() write, that many bytes of the caller's
 * memory instead, up to 64 KiB: it is refused.
 *
 * The caller may do what it asked for, and close the channel if it may send.
 * Its reference does not count for GOCHAN_CHAN_AUTOCLOSE: such a channel closes
 * when the processes have gone, and the caller then gets -EPIPE or sees the end.
 *
 * Context: Process context.
 * Return: the channel with a reference, to be given back by gochan_put(), or
 * ERR_PTR(-EBADF) if @fd is not open or has not these rights, or
 * ERR_PTR(-EINVAL) if it is not of such a channel.
 */
struct gochan *gochan_get_from_fd(int fd, fmode_t mode, size_t elem_size,
				  bool varlen)
{
	struct gochan_chan_obj *co;
	struct file *file = fget(fd);
	struct gochan *ch;

	if (!file)
		return ERR_PTR(-EBADF);
	co = gochan_chan_of_file(file);
	if (!co || co->elem_size != elem_size || co->varlen != varlen)
		ch = ERR_PTR(-EINVAL);
	else if (mode & ~file->f_mode)
		ch = ERR_PTR(-EBADF);
	else
		ch = gochan_get(co->ch);
	fput(file);
	return ch;
}
EXPORT_SYMBOL_NS_GPL(gochan_get_from_fd, GOCHAN_NS);
