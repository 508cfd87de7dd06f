/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_FINISH_H
#define RESCUE_FINISH_H

/* The end of a rescue: verdict, exit status, what to type next. */

#include "rescue/rescue.h"

/* Everything borrowed is home: verify the start, or end. */
void rescue_is_home(struct rescue *);
/* The way home failed for good (why may be ERR_NONE): says what is still borrowed. */
void rescue_stays_away(struct rescue *, const struct err *why);
/* After the verification. text: how the instance answered, or what did not. */
void rescue_is_verified(struct rescue *, bool answers, const char *text);

#endif
