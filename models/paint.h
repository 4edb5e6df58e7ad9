/* Pixels of a picture that is to be shrunk to an eighth or a quarter, out of the blocks that the walk has read anyway:
 * libjpeg would read all bits for a second time, for a handful of pixels. Only for pictures of which it could have
 * nothing to complain; the same as its own to 3 of 255 (jidctred.c averages, too; it rounds more often), but that
 * colours which are halved one way only are not smoothed.
 */
#ifndef CATALOGD_PAINT_H
#define CATALOGD_PAINT_H

#include <stdlib.h>

#include "blocks.h"

enum { LARGEST = 1 << 24 }; /* pixels painted */

/* What each coefficient, in zigzag order, adds to the means of a block's quarters and sixteenths (A.3.3). */
typedef struct {
    Four quarter[64], sixteenth[64][4];
} Means;

static float mean_cosine(int n, int part, int parts)
{
    float sum = 0;
    for (int x = part * 8 / parts; x < (part + 1) * 8 / parts; x++)
        sum += n ? 0.5f * cosf((float)((2 * x + 1) * n) * 0.19634954f) : 0.35355339f;
    return sum * (float)parts / 8;
}

static void set_means(Means *means)
{
    for (int k = 0; k < 64; k++)
        for (int i = 0; i < 16; i++) {
            int v = natural[k] >> 3, u = natural[k] & 7;
            means->sixteenth[k][i / 4][i % 4] = mean_cosine(v, i / 4, 4) * mean_cosine(u, i % 4, 4);
            if (i < 4)
                means->quarter[k][i] = mean_cosine(v, i / 2, 2) * mean_cosine(u, i % 2, 2);
        }
}

static inline void store(uint8_t *to, Four samples)
{
    const Four none = {0, 0, 0, 0}, full = none + 255;
    samples = (Four)((Mask)samples & (samples > none));
    Mask over = samples > full, whole = __builtin_convertvector(samples, Mask);
    Packed packed = __builtin_convertvector((whole & ~over) | (over & 255), Packed);
    memcpy(to, &packed, 4);
}

/* One block as uint8 [2^log][2^log]; `level` is its dequantised DC. */
static inline void paint(uint8_t *tile, int log, const Block *block, float level, const Means *means)
{
    float grey = level / 8 + 128.5f;
    Four samples[4] = {{grey, grey, grey, grey}, {grey, grey, grey, grey}, {grey, grey, grey, grey}, {grey, grey, grey, grey}};
    if (log == 0)
        *tile = (uint8_t)(grey < 0 ? 0 : grey > 255 ? 255 : grey);
    else if (log == 1) {
        for (int n = 0; n < block->count; n++)
            samples[0] += means->quarter[block->place[n]] * block->value[n];
        store(tile, samples[0]);
    } else {
        for (int n = 0; n < block->count; n++)
            for (int y = 0; y < 4; y++)
                samples[y] += means->sixteenth[block->place[n]][y] * block->value[n];
        for (int y = 0; y < 4; y++)
            store(tile + 4 * y, samples[y]);
    }
}

/* Room for a picture of one component, or of YCbCr without or with halved colours. Returns 0 where there is none. */
static int prepare(Component *list, int components, int log)
{
    const Component *first = &list[0];
    if ((components == 1 && (first->h != 1 || first->v != 1)) || components == 2 || components > 3)
        return 0;
    for (int i = 0; i < components; i++) {
        Component *c = &list[i];
        if (c->h > (i ? 1 : 2) || c->v > (i ? 1 : 2))
            return 0;
        /* Colours that are halved both ways shrink half as much; libjpeg has it so, too. */
        c->log = i && first->h == 2 && first->v == 2 ? log + 1 : log;
        c->tiles = malloc((size_t)c->stride * (size_t)c->rows << 2 * c->log);
        if (!c->tiles)
            return 0;
    }
    return 1;
}

/* Row `y` of the picture, `width` samples and up to 7 more. */
static void line(uint8_t *to, const Component *c, int y, int width, int halved)
{
    const int edge = 1 << c->log;
    const uint8_t *from = c->tiles + ((size_t)(y >> c->log) * (size_t)c->stride << 2 * c->log);
    from += (y & (edge - 1)) << c->log;
    for (int x = 0; x < width; from += edge * edge)
        for (int i = 0; i < edge << halved; i++)
            to[x++] = from[i >> halved];
}

static inline uint8_t clip(float value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* RGBX, or grey, [height][width], out of the tiles (JFIF 1.02, page 3). Returns 0 without memory. */
static int colour(uint8_t *to, const Component *list, int components, int width, int height)
{
    const size_t room = (size_t)width + 8;
    uint8_t *lines = malloc(3 * room);
    const Component *last = &list[components - 1];
    const int halved_x = list[0].h == 2 && last->log == list[0].log, halved_y = list[0].v == 2 && last->log == list[0].log;
    for (int y = 0; lines && y < height; y++) {
        line(lines, &list[0], y, width, 0);
        if (components == 1) {
            memcpy(to, lines, (size_t)width), to += width;
            continue;
        }
        line(lines + room, &list[1], y >> halved_y, width, halved_x);
        line(lines + 2 * room, &list[2], y >> halved_y, width, halved_x);
        for (size_t x = 0; x < (size_t)width; x++, to += 4) {
            float grey = (float)lines[x] + 0.5f, cb = (float)lines[room + x] - 128, cr = (float)lines[2 * room + x] - 128;
            to[0] = clip(grey + 1.402f * cr), to[2] = clip(grey + 1.772f * cb), to[3] = 255;
            to[1] = clip(grey - 0.344136f * cb - 0.714136f * cr);
        }
    }
    free(lines);
    return lines != 0;
}

#endif
