/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gotimer - channels that tell the time
 *
 * A timer sends the time at which it was due to a channel of its own: once, or
 * again and again (a ticker). Receiving from the channel, alone or as a case of
 * a select (<linux/goselect.h>), is how to wait for it. The semantics are those
 * of Go's timers.
 *
 * Example
 *	struct gotimer *timer = gotimer_alloc(GFP_KERNEL);
 *	struct goselect_case cases[2];
 *
 *	if (IS_ERR(timer))
 *		return PTR_ERR(timer);
 *	cases[0] = GOSELECT_RECV(answers, &answer);
 *	cases[1] = GOSELECT_RECV(gotimer_chan(timer), NULL);
 *	gotimer_after(timer, ms_to_ktime(100));
 *	if (goselect(cases, ARRAY_SIZE(cases)) == 1)
 *		pr_info("no answer\n");		// prints no answer
 *	gotimer_free(timer);
 *
 * Guarantees
 *	The value is of type ktime_t: when the timer was due by CLOCK_MONOTONIC,
 *	not when it was received. One value at most waits to be received; times
 *	that a ticker reaches before it was taken are skipped, and the next one
 *	is the first multiple of the period that is still to come.
 *
 *	A time too late for ktime_t, in 292 years, is never: as if not set.
 *
 *	After gotimer_set() or gotimer_stop() has returned, no value of an
 *	earlier setting is received.
 *
 *	The channel's length and capacity are 0. A ticker that nobody listens to
 *	causes no interrupts beyond the first.
 *
 * Errors
 *	-ENOMEM: from gotimer_alloc(). -EINVAL: a period that is negative, or in
 *	gotimer_tick() not positive. -EBADF: a send to the channel, or a close of
 *	it. Receives fail as on any channel.
 *
 * Contexts
 *	gotimer_set() and gotimer_stop() work in process, softirq and hardirq
 *	context, gotimer_free() in process and softirq context. Exceptions,
 *	PREEMPT_RT: Documentation/core-api/contexts.rst.
 *
 * Lifetime
 *	gotimer_alloc() makes timer and channel, gotimer_free() ends the timer.
 *	Whoever wants the channel to outlive that takes a reference of its own:
 *	gochan_get(gotimer_chan()); nothing arrives any more.
 */

#ifndef _LINUX_GOTIMER_H
#define _LINUX_GOTIMER_H

#include <linux/errno.h>
#include <linux/ktime.h>
#include <linux/timekeeping.h>
#include <linux/types.h>

struct gochan;
struct gotimer;

struct gotimer *gotimer_alloc(gfp_t gfp);
void gotimer_free(struct gotimer *t);
struct gochan *gotimer_chan(const struct gotimer *t);
int gotimer_set(struct gotimer *t, ktime_t when, ktime_t period);
bool gotimer_stop(struct gotimer *t);

/**
 * gotimer_after - let a timer fire once, after a while
 * @t: the timer, whatever it was set to before
 * @delay: nanoseconds from now; at once if not positive
 *
 * Context: Any context but NMI.
 * Return: 1 if this prevented a value of the earlier setting, else 0.
 */
static inline int gotimer_after(struct gotimer *t, ktime_t delay)
{
	if (delay < 0)
		delay = 0;
	return gotimer_set(t, ktime_add_safe(ktime_get(), delay), 0);
}

/**
 * gotimer_tick - let a timer fire periodically, from one period from now on
 * @t: the timer, whatever it was set to before
 * @period: nanoseconds
 *
 * Context: Any context but NMI.
 * Return: 1 if this prevented a value of the earlier setting, else 0; -EINVAL
 * if @period is not positive.
 */
static inline int gotimer_tick(struct gotimer *t, ktime_t period)
{
	if (period <= 0)
		return -EINVAL;
	return gotimer_set(t, ktime_add_safe(ktime_get(), period), period);
}

#endif /* _LINUX_GOTIMER_H */
