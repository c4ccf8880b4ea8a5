/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the device that deal with channels share: chan_file.c makes
 * channels, their descriptors, and the end of both; chan_ops.c has the commands
 * for one message, chan_batch.c those for many.
 *
 * Rights
 *	A descriptor may send if its file is open for writing, and receive if it
 *	is open for reading. So fcntl(F_GETFL) tells, and the kernel itself
 *	refuses read(2) and write(2); gochan_dispatch() does for the ioctls.
 *
 * Lifetime
 *	A struct gochan_chan_obj lives as long as its channel: the core tells
 *	when that has gone (struct gochan_owner). Each file holds a reference to
 *	the channel, and is counted as a sender, a receiver or both; so is a
 *	file about to be made by one that has these rights.
 */

#ifndef _GOCHAN_CHAN_FILE_H
#define _GOCHAN_CHAN_FILE_H

#include <linux/gochan.h>
#include <linux/refcount.h>

#include "internal.h"

/**
 * struct gochan_chan_obj - what the files of one channel share
 * @owner: how the core tells that the channel has gone
 * @ch: the channel
 * @acct: the account it is charged to
 * @footprint: bytes charged
 * @elem_size: the channel's element size
 * @varlen: the channel's messages keep their own length
 * @words: all messages have eight bytes
 * @autoclose: the channel closes when there are no files of one direction
 * @senders: files that may send
 * @receivers: files that may receive
 *
 * All but the two counts is invariant.
 */
struct gochan_chan_obj {
	struct gochan_owner owner;
	struct gochan *ch;
	struct gochan_account *acct;
	size_t footprint;
	u32 elem_size;
	bool varlen;
	bool words;
	bool autoclose;
	refcount_t senders;
	refcount_t receivers;
};

/* Bytes of messages that are staged on the stack: up to 64 of 8 bytes. */
#define GOCHAN_STACK_BATCH	512

/* Of who waits until something happens, or a signal comes. */
extern const struct gochan_wait gochan_forever;

void *gochan_stage(void *stack, size_t room, size_t len);
void gochan_unstage(void *stack, void *stage);

/* chan_file.c */
struct gochan_chan_obj *gochan_chan_of_file(struct file *file);
long gochan_chan_restrict(struct file *file, union gochan_arg *arg);

/* chan_ops.c */
long gochan_chan_dispatch(struct file *file, unsigned int cmd,
			  unsigned long arg);
ssize_t gochan_chan_read(struct file *file, char __user *buf, size_t count,
			 loff_t *ppos);
ssize_t gochan_chan_write(struct file *file, const char __user *buf,
			  size_t count, loff_t *ppos);
ssize_t gochan_chan_read_iter(struct kiocb *iocb, struct iov_iter *to);
ssize_t gochan_chan_write_iter(struct kiocb *iocb, struct iov_iter *from);
const struct gochan_wait *gochan_msg_wait(struct file *file, u32 flags,
					  u64 deadline,
					  struct gochan_wait *wait);

/* chan_word.c */
long gochan_word_send(struct file *file, unsigned long uarg);
long gochan_word_recv(struct file *file, unsigned long uarg);

/* chan_batch.c */
long gochan_chan_send_many(struct file *file, union gochan_arg *arg);
long gochan_chan_recv_many(struct file *file, union gochan_arg *arg);

#endif /* _GOCHAN_CHAN_FILE_H */
