/*
 * bs_writer.h - accumulators to packed output codes, two neighbouring pixels at a time.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef BS_WRITER_H
#define BS_WRITER_H

#include "bs_internal.h"

/* Requantizes and packs the channels of two pixels in order. */
typedef struct {
    const int32_t *bias;        /* parameter tables; they stay where they are, the channel is an index */
    const int32_t *multiplier;
    const uint8_t *shift;
    uint32_t zero, highest;     /* zero point and largest code of the output */
    uint32_t bits;
    uint32_t position;          /* bits of the current byte that have been filled */
    uint32_t byte[2];           /* the current byte of each pixel */
    uint8_t *out[2];            /* where it goes; equal if there is one pixel only, computed twice */
} bs_writer;

/* A writer of the output channels from `first` on; its pixels are still to be set. */
bs_writer bs_writer_start(const bs_conv *layer, uint32_t first);

/* Writes a channel given the sums of both pixels, without bias. Channels count from the first one. */
void bs_write_channel(bs_writer *writer, uint32_t channel, uint32_t sum0, uint32_t sum1);

/* Sets the pixels to write next. */
BS_INLINE void bs_write_to(bs_writer *writer, uint8_t *out0, uint8_t *out1)
{
    writer->out[0] = out0;
    writer->out[1] = out1;
}

/* Ends the pixels: writes their last byte if it is not full. */
BS_INLINE void bs_write_rest(bs_writer *writer)
{
    if (writer->position != 0) {
        *writer->out[0] = (uint8_t)writer->byte[0];
        *writer->out[1] = (uint8_t)writer->byte[1];
        writer->byte[0] = 0;
        writer->byte[1] = 0;
        writer->position = 0;
    }
}

#endif
