// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages of one word, a number or a handle, through a channel that has no
 * others: what most channels carry. GOCHAN_IOC_SEND and GOCHAN_IOC_RECV with no
 * flag and no deadline, as most calls are, then need no copy of the argument:
 * four words are looked at, and one or two are written back.
 *
 * Whatever else is asked for, or wrong, is left to gochan_dispatch(): up to the
 * transfer itself, these functions have done nothing that it cannot do again.
 */

#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/sched.h>
#include <linux/stddef.h>
#include <linux/uaccess.h>

#include "chan_file.h"

/* Two members of an argument, as they lie in memory. */
union gochan_pair {
	u64 word;
	u32 half[2];
};

static __always_inline u64 gochan_pair(u32 first, u32 second)
{
	const union gochan_pair pair = { .half = { first, second } };

	return pair.word;
}

static __always_inline u32 gochan_first(u64 word)
{
	const union gochan_pair pair = { .word = word };

	return pair.half[0];
}

/* An argument as words: struct gochan_msg has no holes. */
enum {
	GOCHAN_WORD_HEAD = offsetof(struct gochan_msg, size) / sizeof(u64),
	GOCHAN_WORD_BUF = offsetof(struct gochan_msg, buf) / sizeof(u64),
	GOCHAN_WORD_TAIL = offsetof(struct gochan_msg, len) / sizeof(u64),
	GOCHAN_WORD_DEADLINE = offsetof(struct gochan_msg, deadline) /
			       sizeof(u64),
};

static const struct gochan_wait gochan_word_wait = {
	.state = TASK_INTERRUPTIBLE,
	.deadline = KTIME_MAX,
};

/* Is it a file for words, of a caller who may do this, and may wait? */
static __always_inline bool gochan_takes_words(const struct file *file,
					       fmode_t mode)
{
	const struct gochan_chan_obj *co = file->private_data;

	/* Elsewhere a word of user memory takes two accesses. */
	return IS_ENABLED(CONFIG_64BIT) && co->words && file->f_mode & mode &&
	       !(file->f_flags & O_NONBLOCK);
}

/*
 * Find the buffer in an argument that asks for nothing but to send or receive a
 * word. With @results, see to it that they can be written. Return false if it is
 * not like that.
 */
static __always_inline bool gochan_word_arg(u64 __user *arg, bool results,
					    u64 __user **buf)
{
	u64 head, addr, tail, deadline;

	if (!IS_ALIGNED((unsigned long)arg, sizeof(u64)) ||
	    !user_access_begin(arg, sizeof(struct gochan_msg)))
		return false;
	unsafe_get_user(head, arg + GOCHAN_WORD_HEAD, fault);
	unsafe_get_user(addr, arg + GOCHAN_WORD_BUF, fault);
	unsafe_get_user(tail, arg + GOCHAN_WORD_TAIL, fault);
	unsafe_get_user(deadline, arg + GOCHAN_WORD_DEADLINE, fault);
	if (results)
		unsafe_put_user(tail, arg + GOCHAN_WORD_TAIL, fault);
	user_access_end();

	*buf = u64_to_user_ptr(addr);
	/* A send refuses what is not 0 behind the length. */
	return head == gochan_pair(sizeof(struct gochan_msg), 0) &&
	       (results ? gochan_first(tail) == sizeof(u64) :
			  tail == gochan_pair(sizeof(u64), 0)) &&
	       deadline == GOCHAN_NO_DEADLINE;

fault:
	user_access_end();
	return false;
}

/* As gochan_probe_write(). */
static __always_inline bool gochan_can_write_word(u64 __user *to)
{
	u64 word;

	if (!user_access_begin(to, sizeof(*to)))
		return false;
	unsafe_get_user(word, to, fault);
	unsafe_put_user(word, to, fault);
	user_access_end();
	return true;

fault:
	user_access_end();
	return false;
}

/* GOCHAN_IOC_SEND */
long gochan_word_send(struct file *file, unsigned long uarg)
{
	struct gochan_chan_obj *co = file->private_data;
	u64 __user *from;
	u64 word;

	if (!gochan_takes_words(file, FMODE_WRITE) ||
	    !gochan_word_arg((u64 __user *)uarg, false, &from) ||
	    get_user(word, from))
		return gochan_chan_dispatch(file, GOCHAN_IOC_SEND, uarg);
	return gochan_send_wait(co->ch, &word, &gochan_word_wait);
}

/* GOCHAN_IOC_RECV */
long gochan_word_recv(struct file *file, unsigned long uarg)
{
	struct gochan_chan_obj *co = file->private_data;
	u64 __user *arg = (u64 __user *)uarg, *to;
	u64 word;
	bool ok;
	int err;

	if (!gochan_takes_words(file, FMODE_READ) ||
	    !gochan_word_arg(arg, true, &to) || !gochan_can_write_word(to))
		return gochan_chan_dispatch(file, GOCHAN_IOC_RECV, uarg);
	err = gochan_recv_wait(co->ch, &word, &ok, &gochan_word_wait);
	if (err)
		return err;
	/* The end reads as a zero value. Faults: see gochan_recv_staged(). */
	if (put_user(word, to) ||
	    put_user(gochan_pair(sizeof(word), ok), arg + GOCHAN_WORD_TAIL))
		return -EFAULT;
	return 0;
}
