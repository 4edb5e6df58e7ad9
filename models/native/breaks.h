/* Detection of a break in a decoded image: after a wrong bit the decoder resynchronizes, but predicts the DC of all
 * following blocks from a wrong one (F.1.1.5.1), so that the rest of the image is shifted in brightness or colour.
 *
 * The edge of the shifted area follows the lower edge of the MCUs before the first wrong one, steps up by one MCU,
 * and continues along the upper edge of the MCUs after it: in coding order, exactly one row of MCUs, with the same
 * difference added to every step across the edge. A horizon that slopes by one row of MCUs looks similar, but continues
 * beyond the ends or within the blocks, or comes with other edges.
 */
#ifndef CATALOGD_BREAKS_H
#define CATALOGD_BREAKS_H

#include <stdlib.h>

#include "blocks.h"

typedef struct {
    float score; /* 0: no break; see best_place() */
    int row;     /* of MCUs, 1 or more */
} Break;

enum { STEPS_PER_BLOCK = 40 };

/* Steps of one component across the edges between rows of MCUs, [rows][across], and their usual size nearby. */
typedef struct {
    int rows, across, h, v;
    float q, *step, *scale, *sum, *weight, *weighted, *found, *shift, *excess;
    int64_t budget; /* steps that may still be examined, so that the time is proportional to the size of the image */
} Seam;

static inline float clamp_abs(float value, float limit)
{
    return value > limit ? limit : value < -limit ? -limit : value;
}

static inline int clamp_index(int at, int past)
{
    return at < 0 ? 0 : at >= past ? past - 1 : at;
}

/* Compute the steps, their usual size (mean over five by five neighbours without the same row, and at least half a
 * quantum), and sums in coding order: of steps divided by their usual size, and for the weighted mean of steps. */
static void measure(Seam *s, const Component *c)
{
    int wide = s->across * s->h;
    for (int r = 0; r < s->rows; r++)
        for (int x = 0; x < wide; x++) {
            size_t below = (size_t)(s->v * (r + 1)) * (size_t)c->stride + (size_t)x;
            s->step[r * wide + x] = c->edges[below][0] - c->edges[below - (size_t)c->stride][1];
        }
    float *sizes = s->found, *signs = s->shift; /* unused until the search */
    for (int r = 0; r < s->rows; r++) {
        const float *step = s->step + r * wide;
        float *size = sizes + r * wide, *sign = signs + r * wide;
        for (int x = 2; x < wide - 2; x++)
            sign[x] = step[x - 2] + step[x - 1] + step[x] + step[x + 1] + step[x + 2];
        for (int x = 2; x < wide - 2; x++)
            size[x] = fabsf(step[x - 2]) + fabsf(step[x - 1]) + fabsf(step[x]) + fabsf(step[x + 1]) +
                      fabsf(step[x + 2]);
        size[0] = size[1] = size[2], size[wide - 1] = size[wide - 2] = size[wide - 3];
        sign[0] = sign[1] = sign[2], sign[wide - 1] = sign[wide - 2] = sign[wide - 3];
    }
    for (int r = 0; r < s->rows; r++) {
        int others[4] = {clamp_index(r - 2, s->rows) * wide, clamp_index(r - 1, s->rows) * wide,
                         clamp_index(r + 1, s->rows) * wide, clamp_index(r + 2, s->rows) * wide};
        float *scale = s->scale + r * wide, *excess = s->excess + r * wide;
        const float *step = s->step + r * wide;
        for (int x = 0; x < wide; x++) {
            float size = sizes[others[0] + x] + sizes[others[1] + x] + sizes[others[2] + x] + sizes[others[3] + x];
            float sum = signs[others[0] + x] + signs[others[1] + x] + signs[others[2] + x] + signs[others[3] + x];
            scale[x] = 1 / (size / 20 + 0.5f * s->q + 3);
            excess[x] = step[x] - sum / 20; /* a gradient steps everywhere */
        }
    }
    int cells = s->rows * s->across;
    s->sum[0] = s->weight[0] = s->weighted[0] = 0;
    for (int i = 0; i < cells; i++) {
        float sum = 0, weight = 0, weighted = 0;
        for (int x = i * s->h; x < (i + 1) * s->h; x++) {
            float z = s->excess[x] * s->scale[x], w = s->scale[x] * s->scale[x];
            sum += clamp_abs(z, 3) / (float)s->h, weight += w, weighted += w * s->step[x];
        }
        s->sum[i + 1] = s->sum[i] + sum;
        s->weight[i + 1] = s->weight[i] + weight, s->weighted[i + 1] = s->weighted[i] + weighted;
    }
}

/* Return how much better the steps of these cells agree with `shift` than with none, at most 1 per cell: a bounded
 * likelihood ratio (Geman and McClure 1987), so that a few strong edges of the image itself cannot dominate. */
static float agreement(const Seam *s, int first, int past, float shift)
{
    float sum = 0;
    for (int x = first * s->h; x < past * s->h; x++) {
        float z = s->step[x] * s->scale[x], rest = z - shift * s->scale[x];
        z *= z, rest *= rest;
        sum += z / (1 + z) - rest / (1 + rest);
    }
    return sum / (float)s->h;
}

/* Return 1 if the left edge of the first shifted MCU shows the shift, too; 0 if not. */
static float left_edge_match(const Seam *s, const Component *c, int row, int column, float shift)
{
    const Four *edges = c->edges + (size_t)(s->v * (row + 1)) * (size_t)c->stride;
    float least = 9;
    for (int x = (column - 2) * s->h; x <= (column + 2) * s->h; x++)
        if (x >= 1 && x < s->across * s->h) {
            float miss = fabsf(edges[x][2] - edges[x - 1][3] - shift) / fabsf(shift);
            least = miss < least ? miss : least;
        }
    return least > 0.8f ? 0 : least < 0.4f ? 1 : (0.8f - least) / 0.4f;
}

/* Return how clearly the break ends on both sides: how much better the steps before and after it, in the same two rows,
 * agree with no shift than with `shift`, per cell. A horizon or the edge of a table continues there. */
static float end_clarity(const Seam *s, int at, float shift)
{
    int across = s->across, column = at % across, past = at + across, stop = past + across - column;
    float before = agreement(s, at - column, at, shift) / (float)column;
    float after = agreement(s, past, stop, shift) / (float)(stop - past), worse = before > after ? before : after;
    return worse < 0 ? -worse : 0;
}

/* Return 1 if the gradients within the blocks on both sides are unrelated to the step, 0 if they follow it: an edge of
 * the image itself is rarely so sharp and straight that it is between two rows of blocks and nowhere within them. */
static float sharpness(const Seam *s, const Component *c, int at, float shift)
{
    int wide = s->across * s->h;
    float sum = 0;
    for (int x = at * s->h; x < at * s->h + wide; x++) {
        const Four *below = c->edges + (size_t)(s->v * (x / wide + 1)) * (size_t)c->stride + (size_t)(x % wide);
        const Four *above = below - c->stride;
        sum += clamp_abs((below[0][1] - below[0][0]) * s->scale[x], 2);
        sum += clamp_abs((above[0][1] - above[0][0]) * s->scale[x], 2);
    }
    float same_way = (shift > 0 ? sum : -sum) / (float)(2 * wide);
    return same_way < 0 ? 1 : same_way > 1 ? 0 : 1 - same_way;
}

/* Return how many of these steps are small after subtracting `shift`, by the same bounded measure. */
static float small_steps(const Seam *s, int first, int past, float shift)
{
    float sum = 0;
    for (int x = first * s->h; x < past * s->h; x++) {
        float rest = (s->step[x] - shift) * s->scale[x];
        sum += 1 / (1 + rest * rest);
    }
    return sum;
}

/* Return 1 if the steps, minus the shift, are no larger than in the rest of the two rows; less if they are: an edge of
 * the image is there, probably in the other components, too. */
static float calmness(const Seam *s, int at, float shift)
{
    int start = at - at % s->across, past = at + s->across;
    /* There are as many steps outside the break as inside. */
    float outside = small_steps(s, start, at, 0) + small_steps(s, past, start + 2 * s->across, 0);
    float share = small_steps(s, at, past, shift) / outside;
    return share < 1 ? share : 1;
}

/* Return the evidence for a break at `at`; `fitting`: the shift that fits best. */
static float break_evidence(Seam *s, const Component *c, int at, float *fitting)
{
    int across = s->across, cells = s->rows * across, row = at / across, turn = (row + 1) * across;
    int past = at + across < cells ? at + across : cells;
    float after = (float)(turn - at), before = (float)(past - turn);
    /* Nothing above the first row distinguishes a break from a frame around the image. */
    if (row == 0 || at % across == 0 || past <= turn || fabsf(s->sum[past] - s->sum[at]) < 0.35f * (float)across)
        return 0;
    float shift = (s->weighted[past] - s->weighted[at]) / (s->weight[past] - s->weight[at]), best = 0;
    if (fabsf(shift) < 1.5f * (s->q > 6 ? s->q : 6))
        return 0;
    if ((s->budget -= 3 * across * s->h) < 0)
        return 0;
    for (float share = 0.8f; share < 1.5f; share *= 1.3f) {
        float first = agreement(s, at, turn, share * shift), second = agreement(s, turn, past, share * shift);
        float all = first + second, fair = 0.4f * all / (float)across, least = first < second ? first : second;
        if (first <= fair * after - 0.7f * sqrtf(after) || second <= fair * before - 0.7f * sqrtf(before) || least <= 0)
            continue;
        all *= (least < 4 ? least / 4 : 1) * left_edge_match(s, c, row, at % across, share * shift);
        if (all > best)
            best = all, *fitting = share * shift;
    }
    return best;
}

/* Return the cell within one of `at` with the most evidence: components need not agree to the cell. */
static int strongest(const Seam *s, int at)
{
    int cells = s->rows * s->across, most = at;
    for (int i = at > 0 ? at - 1 : at; i <= at + 1 && i < cells; i++)
        most = s->found[i] > s->found[most] ? i : most;
    return most;
}

/* Return the best place for a break by all components together. Its score is the lead over the second best elsewhere,
 * in cells, times end clarity, sharpness and calmness.
 *
 * Of 2,846 intact images 8 score above CLEAR_BREAK_SCORE, and so do 38 % of the single flipped bits that shift the rest
 * but leave every code valid. Without the three factors, 47 images did, for the same share of bits. */
static Break best_place(const Seam *seams, const Component *list, int count)
{
    int across = seams[0].across, cells = seams[0].rows * across, best = 0;
    float *total = seams[0].sum, second = 0, clear = 0, least_calmness = 1; /* the sums are no longer needed */
    for (int i = 0; i < cells; i++) {
        total[i] = 0;
        for (int n = 0; n < count; n++)
            total[i] += seams[n].found[strongest(&seams[n], i)];
        best = total[i] > total[best] ? i : best;
    }
    for (int i = 0; i < cells; i++)
        if (abs(i - best) > 2 * across && total[i] > second)
            second = total[i];
    for (int n = 0; n < count; n++) {
        const Seam *s = &seams[n];
        int at = strongest(s, best);
        float found = s->found[at], shift = found > 0 ? s->shift[at] : 0;
        float rest = at % across ? calmness(s, at, shift) : 1; /* the best cell may be next to the break itself */
        least_calmness = rest < least_calmness ? rest : least_calmness;
        if (found > 0)
            clear += found * end_clarity(s, at, shift) * sharpness(s, &list[n], at, shift);
    }
    return (Break){(total[best] - second) * least_calmness * clear / total[best], best / across + 1};
}

/* Find a break in an image with interleaved components, or with one. The score is -1 without memory. */
static Break find_break(const Component *list, int count, int interval)
{
    Seam seams[4];
    int single = count == 1, rows = 1 << 20, any = 0;
    Break found = {0, 0};
    for (int n = 0; n < count; n++) {
        int v = single ? 1 : list[n].v, edges = (list[n].blocks_high + v - 1) / v - 1;
        rows = edges < rows ? edges : rows;
    }
    int across = single ? list[0].blocks_wide : list[0].stride / list[0].h;
    if (rows < 2 || across < 5 || (interval && interval < 2 * across)) /* a restart ends the effect of a wrong DC */
        return found;
    float *buffers[4] = {0, 0, 0, 0};
    for (int n = 0; n < count; n++) {
        const Component *c = &list[n];
        int h = single ? 1 : c->h, v = single ? 1 : c->v;
        size_t cells = (size_t)rows * (size_t)across, blocks = cells * (size_t)h;
        float *f = buffers[n] = malloc(sizeof(float) * (5 * blocks + 3 * cells + 3));
        if (!f) {
            found.score = -1;
            break;
        }
        seams[n] = (Seam){rows, across, h, v, c->scale[0], f, f + blocks, f + 5 * blocks, f + 5 * blocks + cells + 1,
                          f + 5 * blocks + 2 * cells + 2, f + 2 * blocks, f + 3 * blocks, f + 4 * blocks,
                          STEPS_PER_BLOCK * (int64_t)blocks};
        measure(&seams[n], c);
        for (int i = 0; i < (int)cells; i++) {
            seams[n].found[i] = break_evidence(&seams[n], c, i, &seams[n].shift[i]);
            any |= seams[n].found[i] > 0;
        }
    }
    if (any && found.score >= 0)
        found = best_place(seams, list, count);
    for (int n = 0; n < count; n++)
        free(buffers[n]);
    return found;
}

static int is_blank(const Component *c, int single, int row, int column, float level)
{
    int h = single ? 1 : c->h, v = single ? 1 : c->v;
    for (int y = row * v; y < (row + 1) * v; y++)
        for (int x = column * h; x < (column + 1) * h; x++) {
            size_t at = (size_t)y * (size_t)c->stride + (size_t)x;
            float dc = (float)c->dc[at] * c->scale[0];
            Mask differs = c->edges[at] != (Four){dc, dc, dc, dc};
            if (fabsf(dc - level) > 8 + c->scale[0] / 2 || differs[0] || differs[1] || differs[2] || differs[3])
                return 0;
        }
    return 1;
}

/* Return the row of MCUs in whose middle a fill of grey or green begins, which decoders use for missing data: half an
 * image, saved again by a program that ignored the error. 0 if there is none. */
static int find_blank(const Component *list, int count)
{
    /* Grey (128, 128, 128) and green (0, 135, 0), in eighths. */
    static const float colours[2][3] = {{0, 0, 0}, {-390, -357, -452}};
    int single = count == 1, across = single ? list[0].blocks_wide : list[0].stride / list[0].h;
    int rows = single ? list[0].blocks_high : list[0].rows / list[0].v, cells = rows * across;
    for (int colour = 0; colour < 2 && (count == 3 || (single && !colour)); colour++) {
        int at = cells, blank = 1;
        while (at > 0 && blank) {
            for (int n = 0; n < count && blank; n++)
                blank = is_blank(&list[n], single, (at - 1) / across, (at - 1) % across, colours[colour][n]);
            at -= blank;
        }
        if (at > 0 && at % across && cells - at >= 2 * across)
            return at / across;
    }
    return 0;
}

#endif
