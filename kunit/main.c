// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - KUnit suites of the gochan core
 *
 * The suites run when the module is loaded and use the public kernel API only.
 * Stress counts suit a kernel at native speed; the parameter scale adapts them
 * to an emulated or a sanitised one.
 */

#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/random.h>

#include "gochan_kunit.h"
#include "gomap_kunit.h"
#include "goselect_kunit.h"
#include "goslice_kunit.h"
#include "../kmod/compat.h"

/*
 * Until 6.2 KUnit runs the suites before the kernel has parsed the parameters
 * of their module: there only these defaults count, so the build can set them.
 */
#ifndef GOCHAN_KUNIT_SCALE
#define GOCHAN_KUNIT_SCALE	100
#endif
#ifndef GOCHAN_KUNIT_TIMEOUT
#define GOCHAN_KUNIT_TIMEOUT	60
#endif
#ifndef GOCHAN_KUNIT_SEED
#define GOCHAN_KUNIT_SEED	0
#endif

static unsigned int scale = GOCHAN_KUNIT_SCALE;
module_param(scale, uint, 0444);
MODULE_PARM_DESC(scale, "stress counts of the tier, in percent (default 100)");

static unsigned int timeout = GOCHAN_KUNIT_TIMEOUT;
module_param(timeout, uint, 0444);
MODULE_PARM_DESC(timeout, "seconds after which a wait fails its test (default 60)");

static ulong seed = GOCHAN_KUNIT_SEED;
module_param(seed, ulong, 0444);
MODULE_PARM_DESC(seed, "seed of the random scripts (default 0: choose one)");

/* Below this a stress test no longer deserves the name. */
#define GOCHAN_SCALED_MIN	8U

/**
 * gochan_scaled - stress count of this run
 * @n: count for a kernel at native speed
 *
 * Return: @n scaled by the module parameter, but not less than a handful.
 */
unsigned int gochan_scaled(unsigned int n)
{
	u64 scaled = div_u64((u64)n * scale, 100);

	return clamp_t(u64, scaled, min(n, GOCHAN_SCALED_MIN), UINT_MAX);
}

/**
 * gochan_seed - seed for random scripts
 *
 * Return: the module parameter, or a fresh random number if it is 0. Whoever
 * uses it prints it, so that a failure can be replayed.
 */
u64 gochan_seed(void)
{
	return seed ?: get_random_u32() | 1;
}

/**
 * gct_timeout - how long a wait may last
 *
 * Return: jiffies.
 */
unsigned long gct_timeout(void)
{
	return timeout * HZ;
}

kunit_test_suites(&gochan_state_suite,
		  &gochan_varlen_suite,
		  &gochan_wait_suite,
		  &gochan_cancel_suite,
		  &gochan_stress_suite,
		  &gochan_race_suite,
		  &gochan_model_suite,
		  &goselect_rules_suite,
		  &goselect_wait_suite,
		  &goselect_race_suite,
		  &goselect_instant_suite,
		  &goselect_order_suite,
		  &goselect_poll_suite,
		  &gotimer_suite,
		  &gochan_many_suite,
		  &gochan_watch_suite,
		  &gomap_rules_suite,
		  &gomap_growth_suite,
		  &gomap_api_suite,
		  &gomap_keys_suite,
		  &gomap_model_suite,
		  &gomap_walk_suite,
		  &gomap_iter_suite,
		  &gomap_order_suite,
		  &gomap_scan_suite,
		  &gomap_fail_suite,
		  &gomap_reserve_suite,
		  &gomap_window_suite,
		  &gomap_race_suite,
		  &gomap_clear_suite,
		  &gomap_writers_suite,
		  &gomap_bound_suite,
		  &gomap_dir_suite,
		  &gomap_large_suite,
		  &gomap_stock_suite,
		  &gomap_step_suite,
		  &gomap_first_suite,
		  &gomap_dir_race_suite,
		  &gomap_payer_suite,
		  &goslice_rules_suite,
		  &goslice_share_suite,
		  &goslice_edit_suite,
		  &goslice_growth_suite,
		  &goslice_model_suite,
		  &goslice_fail_suite,
		  &examples_suite);

MODULE_IMPORT_NS(GOCHAN_NS);
MODULE_DESCRIPTION("KUnit suites of the gochan core");
MODULE_LICENSE("GPL");
