/*
 * bs_window_max.c - max pool with a window.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_window.h"

/* The largest code of each of four channels. */
static inline uint32_t bs_largest_four(bs_covered *covered)
{
    uint32_t largest = 0;
    const uint8_t *row = covered->codes;
    for (uint32_t rows = covered->rows; rows > 0; rows--) {
        const uint8_t *pixel = row;
        for (uint32_t columns = covered->columns; columns > 0; columns--) {
            largest = bs_most_bytes(largest, bs_covered_codes(covered, pixel));
            pixel += covered->pixel_bytes;
        }
        row += covered->row_bytes;
    }
    return largest;
}

bs_status bs_window_max(const bs_window *layer, const uint8_t *in, uint8_t *out)
{
    BS_REQUIRE(bs_check_window(layer, in, out));
    bs_for_each_window(layer, in, out, bs_largest_four);
    return BS_OK;
}
