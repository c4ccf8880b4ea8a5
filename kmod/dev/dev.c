// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/gochan: the device whose ioctls make objects, and select among them. Each
 * object is a file descriptor of its own; the device has no state.
 *
 * For users: include/uapi/linux/gochan.h and
 * Documentation/userspace-api/gochan.rst.
 */

#include <linux/fs.h>
#include <linux/gomap.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "../compat.h"
#include "internal.h"

static const struct gochan_op gochan_dev_ops[] = {
	{
		.cmd = GOCHAN_IOC_CHAN_CREATE,
		.min_size = offsetofend(struct gochan_chan_create, capacity),
		.size = sizeof(struct gochan_chan_create),
		.fn = gochan_chan_create,
	}, {
		.cmd = GOCHAN_IOC_MAP_CREATE,
		.min_size = offsetofend(struct gochan_map_create, max_entries),
		.size = sizeof(struct gochan_map_create),
		.fn = gochan_map_create,
	}, {
		.cmd = GOCHAN_IOC_SELECT,
		.min_size = offsetofend(struct gochan_select, deadline),
		.size = sizeof(struct gochan_select),
		.out = true,
		.irrevocable = true,
		.partial = true,
		.fn = gochan_select,
	},
};

/*
 * The first command on an open device mounts the pseudo filesystem, and it
 * stays until the device is released: who makes and drops one object after the
 * other does not mount each time. Not in open, which runs under a mutex that
 * all misc devices share.
 */
static int gochan_dev_pin(struct file *file)
{
	int err;

	if (READ_ONCE(file->private_data))
		return 0;
	err = gochan_fs_pin();
	if (err)
		return err;
	/* Two threads may come at the same time; one pin is enough. */
	if (cmpxchg(&file->private_data, NULL, file))
		gochan_fs_release();
	return 0;
}

static long gochan_dev_ioctl(struct file *file, unsigned int cmd,
			     unsigned long arg)
{
	int err = gochan_dev_pin(file);

	if (err)
		return err;
	return gochan_dispatch(gochan_dev_ops, ARRAY_SIZE(gochan_dev_ops),
			       file, cmd, arg);
}

static int gochan_dev_open(struct inode *inode, struct file *file)
{
	/* Here the misc device left itself; we mark the pin with it. */
	file->private_data = NULL;
	return nonseekable_open(inode, file);
}

static int gochan_dev_release(struct inode *inode, struct file *file)
{
	if (file->private_data)
		gochan_fs_release();
	return 0;
}

static const struct file_operations gochan_dev_fops = {
	.owner = THIS_MODULE,
	.open = gochan_dev_open,
	.release = gochan_dev_release,
	.unlocked_ioctl = gochan_dev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

/*
 * Everybody may use it, as everybody may make a pipe: an object is reached only
 * through its descriptor, and what it costs is charged to the memory cgroup and
 * to the user's account.
 */
static struct miscdevice gochan_dev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "gochan",
	.fops = &gochan_dev_fops,
	.mode = 0666,
};

static int __init gochan_dev_init(void)
{
	int err = gochan_quota_init();

	if (err)
		return err;
	err = misc_register(&gochan_dev);
	if (err)
		gochan_quota_exit();
	return err;
}

static void __exit gochan_dev_exit(void)
{
	misc_deregister(&gochan_dev);
	/* What maps gave up is uncharged by RCU callbacks that call our text. */
	gomap_free_barrier();
	gochan_quota_exit();
}

module_init(gochan_dev_init);
module_exit(gochan_dev_exit);

MODULE_DESCRIPTION("Channels and maps with the semantics of Go, as file descriptors");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS(GOCHAN_NS);
