/*
 * bs_planes.h - rows of the padded input and of the output, channel by channel.
 *
 * A row in its slot is taken apart into planes: one byte per code, the columns of a channel side by side, with
 * their padding. A row of output is made in the place of the oldest row of input, then packed from there.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef BS_PLANES_H
#define BS_PLANES_H

#include "bs_rows.h"

/* Planes of some channels of a layer. */
typedef struct {
    const bs_conv *layer;
    uint32_t channels;
    uint32_t width; /* columns of a plane, padding included */
} bs_planes;

/* Loads a row of the padded input, which counts from the top of the padding, of the channels that start at `in`. */
void bs_planes_load(const bs_planes *planes, const uint8_t *in, uint32_t row, uint8_t *slot);

/* Packs a row of output. */
void bs_planes_pack(const bs_planes *planes, const uint8_t *slot, uint8_t *out);

#endif
