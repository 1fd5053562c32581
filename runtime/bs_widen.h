/*
 * bs_widen.h - codes widened to 16 bits, in the order in which bs_dot.h takes weights.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef BS_WIDEN_H
#define BS_WIDEN_H

#include "bs_dot.h"

/* Widens n packed codes of two pixels to a pair, for weights of a width; stores the sum of each pixel's codes. */
void bs_widen_pair(const uint8_t *first, const uint8_t *second, uint32_t bits, uint32_t n, uint32_t weight_bits,
                   uint32_t *x, uint32_t sums[2]);

/* Widens n packed codes to a vector; returns their sum. */
uint32_t bs_widen_vector(const uint8_t *codes, uint32_t bits, uint32_t n, uint32_t weight_bits, uint32_t *x);

#endif
