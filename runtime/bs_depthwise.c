/*
 * bs_depthwise.c - convolution of each channel by itself, 3x3 and 5x5.
 *
 * The weights of a channel stay in registers for a whole row, and a word of neighbouring columns serves two windows.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_line.h"
#if BS_DSP
#include "bs_line_dsp.h"
#else
#include "bs_line_c.h"
#endif

/* Computes a row. */
static void bs_run_line(const bs_line *line, bool dense)
{
    if (line->planes.layer->kernel == 5) {
        bs_line_5(line);
    } else if (dense) {
        bs_dense_3(line);
    } else {
        bs_any_3(line);
    }
}

BS_COLD bs_status bs_depthwise(const bs_conv *layer, const uint8_t *in, uint8_t *out, void *scratch)
{
    BS_REQUIRE(bs_check_depthwise(layer, in, out, scratch));
    bs_run_blocks(layer, in, out, scratch, bs_run_line);
    return BS_OK;
}
