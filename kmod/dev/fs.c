// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pseudo filesystem behind the file descriptors. It gives every object an
 * inode of its own, so that fstat() tells whether two descriptors are one
 * object, and a name under /proc/PID/fd.
 *
 * It is mounted while there are objects, or the device is open and in use. It
 * cannot be mounted for the module's whole life: its superblock holds the
 * module, which could never be removed.
 *
 * An inotify or fanotify mark on an object, set by way of /proc/PID/fd, holds the
 * inode but not the mount. Unmounting removes the marks of the inodes that are on
 * the superblock's list, and then waits until none is left. So each inode has to
 * be on that list.
 */

#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>

#include "internal.h"

#define GOCHAN_FS_MAGIC	0x676f6368	/* "goch" */

static struct vfsmount *gochan_mnt;
static int gochan_mnt_users;	/* protected by simple_pin_fs() */

/* dynamic_dname() is not for modules. */
static char *gochan_dname(struct dentry *dentry, char *buffer, int buflen)
{
	char name[32];
	int len = scnprintf(name, sizeof(name), "gochan:[%lu]",
			    (unsigned long)d_inode(dentry)->i_ino) + 1;

	if (len > buflen)
		return ERR_PTR(-ENAMETOOLONG);
	return memcpy(buffer + buflen - len, name, len);
}

static const struct dentry_operations gochan_dentry_ops = {
	.d_dname = gochan_dname,
};

static int gochan_init_fs_context(struct fs_context *fc)
{
	struct pseudo_fs_context *ctx = init_pseudo(fc, GOCHAN_FS_MAGIC);

	if (!ctx)
		return -ENOMEM;
	ctx->dops = &gochan_dentry_ops;
	return 0;
}

static struct file_system_type gochan_fs_type = {
	.name = "gochan",
	.owner = THIS_MODULE,
	.init_fs_context = gochan_init_fs_context,
	.kill_sb = kill_anon_super,
};

/* A file for @inode, whose reference it takes over. */
static struct file *gochan_alloc_file(struct inode *inode, int flags,
				      const struct file_operations *fops)
{
	struct file *file = alloc_file_pseudo(inode, gochan_mnt, "gochan",
					      flags, fops);

	if (IS_ERR(file)) {
		iput(inode);
		return file;
	}
	/* No position, so that calls on one file do not wait for each other. */
	stream_open(inode, file);
	/*
	 * IOCB_NOWAIT is honoured. io_uring would retry a file that can be
	 * polled but lacks this, without sleeping, as long as it is ready.
	 */
	file->f_mode |= FMODE_NOWAIT;
	/* The last fput() gives this back. */
	__module_get(fops->owner);
	return file;
}

/**
 * gochan_fs_pin - keep the filesystem mounted until gochan_fs_release()
 *
 * Context: Process context. May sleep.
 * Return: 0 or -errno.
 */
int gochan_fs_pin(void)
{
	return simple_pin_fs(&gochan_fs_type, &gochan_mnt, &gochan_mnt_users);
}

static struct file *gochan_new_file(const struct file_operations *fops)
{
	struct inode *inode = alloc_anon_inode(gochan_mnt->mnt_sb);

	if (IS_ERR(inode))
		return ERR_CAST(inode);
	/* alloc_anon_inode() leaves that out: its callers never unmount. */
	inode_sb_list_add(inode);
	return gochan_alloc_file(inode, O_RDWR, fops);
}

/**
 * gochan_fs_file - make the first file of an object, and its inode
 * @fops: its operations; the release operation calls gochan_fs_release()
 * @priv: the object, for file->private_data
 *
 * Context: Process context of an ioctl on /dev/gochan.
 * Return: the file, readable and writable, or an ERR_PTR(); the object is then
 * still the caller's.
 */
struct file *gochan_fs_file(const struct file_operations *fops, void *priv)
{
	struct file *file;
	int err = gochan_fs_pin();

	if (err)
		return ERR_PTR(err);
	file = gochan_new_file(fops);
	if (IS_ERR(file)) {
		gochan_fs_release();
		return file;
	}
	file->private_data = priv;
	return file;
}

/**
 * gochan_fs_reopen - make another file of an object, with the same inode
 * @old: a file of the object
 * @flags: O_RDONLY, O_WRONLY or O_RDWR
 *
 * Operations and private_data are those of @old; what it owns beyond the pin is
 * for the caller to take once more.
 *
 * Context: Process context that holds @old.
 * Return: the file, or an ERR_PTR().
 */
struct file *gochan_fs_reopen(struct file *old, int flags)
{
	struct inode *inode = file_inode(old);
	struct file *file;
	int err = gochan_fs_pin();

	if (err)
		return ERR_PTR(err);
	ihold(inode);
	file = gochan_alloc_file(inode, flags, old->f_op);
	if (IS_ERR(file)) {
		gochan_fs_release();
		return file;
	}
	file->private_data = old->private_data;
	return file;
}

/**
 * gochan_fs_release - give back a pin, the one of an object's file included
 *
 * Context: Process context.
 */
void gochan_fs_release(void)
{
	simple_release_fs(&gochan_mnt, &gochan_mnt_users);
}
