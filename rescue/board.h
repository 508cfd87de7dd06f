/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_BOARD_H
#define RESCUE_BOARD_H

/* The live part of a terminal: for each rescue its steps with elapsed times and what is being
 * waited for. It is erased before lines are printed and drawn again below them; only report.c uses
 * it. */

#include "base/str.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

struct board;

struct board *board_open(FILE *to, bool has_colour);
/* Draws the last state and leaves it standing. */
void board_close(struct board *board, int64_t now_ms);
void board_event(struct board *board, const char *id, const json_t *event, int64_t now_ms);
void board_hide(struct board *board);
void board_draw(struct board *board, int64_t now_ms);

#endif
