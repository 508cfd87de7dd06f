/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_SECRETS_H
#define BASE_SECRETS_H

/* Whether this process can hold a credential. Until its environment was wiped it can, and once it
 * has looked for credentials it can for good. A child that touches a volume is only forked from a
 * process that cannot; from any other it is executed anew (rescue/surgery.c).
 *
 * And what must not come out: whoever reads a secret makes it known here, and whatever leaves the
 * process as text (errors, the debug log, events, the journal) is redacted. A server may say any of
 * them in any answer, a library may quote an address with a password in it, and a person may paste
 * a key where a name belongs; so nobody has to judge which text can hold one. */

#include <stdbool.h>

/* Overwrites every variable that is not in `keep` (names, NULL-terminated) where it lies in memory,
 * and removes it. */
void secrets_wipe_environment(const char *const *keep);
/* To be called before credentials are looked for. */
void secrets_may_come(void);
bool secrets_are_absent(void);

#define SECRET_SHORTEST 8 /* what is shorter would be found in every other word */
#define SECRET_PIECE	12 /* so much of one, wherever it was cut, counts as it; less may be chance */

/* This text is a secret, plain and as a URL, Base64 or hexadecimal has it. Kept until
 * secrets_forget, also when the secret was replaced. NULL is fine. */
void secrets_know(const char *text);
/* The same for the user and the password in a URL. */
void secrets_know_url(const char *url);
/* Wipes all that is known; nothing is said any more. */
void secrets_forget(void);
/* Replaces every piece of a known secret by "[secret]", and the password in every URL by asterisks.
 * In place: a text never grows. */
void secrets_redact(char *text);

#endif
