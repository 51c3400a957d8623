//! Where boxes and lines are: rows by what waits for what, an order in them with few crossings, and straight lines.
//!
//! After Sugiyama, Tagawa and Toda. Rows of tasks take turns with rows for the names of results; a line over several rows
//! has a cell in each, and so has room of its own.

use super::{FINALLY_PADDING, FINALLY_WIDTH, LINE, NAME_SIZE, NOTE_SIZE, PADDING, width};
use crate::graph::picture::{Part, Picture};

/// Between neighbours in a row.
const BESIDE: f64 = 22.0;
/// Between rows.
const BETWEEN: f64 = 20.0;
/// Between the ends of lines at one box.
const PORTS: f64 = 16.0;
/// How often order and places are improved.
const ROUNDS: usize = 12;

pub(super) struct Layout {
    pub(super) cells: Vec<Cell>,
    pub(super) links: Vec<Link>,
    /// Top and bottom of each row.
    pub(super) rows: Vec<(f64, f64)>,
    pub(super) bottom: f64,
    /// Around the boxes of `finally`.
    pub(super) finally: Option<Frame>,
}

/// Something with a place of its own, which is its middle.
pub(super) struct Cell {
    pub(super) what: What,
    pub(super) row: usize,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

pub(super) enum What {
    /// The box with this index.
    Box(usize),
    /// The lines of text in an arrow.
    Label(Vec<String>),
    /// An arrow goes through here.
    Bend,
    /// Where arrows to `finally` end.
    Gate,
}

/// A line through cells, one in each row.
pub(super) struct Link {
    pub(super) cells: Vec<usize>,
    pub(super) is_order: bool,
    /// It goes up: it is part of a cycle.
    pub(super) is_reversed: bool,
    /// How far from the middle of its first cell it starts.
    pub(super) start: f64,
    /// How far from the middle of its last cell it ends.
    pub(super) end: f64,
}

#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
    /// Of the boxes in it.
    pub(super) middle: f64,
}

impl Layout {
    pub(super) fn of(picture: &Picture) -> Self {
        let mut layout = Layout { cells: Vec::new(), links: Vec::new(), rows: Vec::new(), bottom: 0.0, finally: None };
        let ranks = ranks(picture);
        let gate_row = 2 * (ranks.iter().max().map_or(0, |rank| rank + 1));
        for (index, task) in picture.boxes.iter().enumerate() {
            let row = if task.part == Part::Finally { gate_row + 1 } else { 2 * ranks[index] };
            let notes = task.notes.iter().map(|note| width(note, NOTE_SIZE));
            let widest = notes.fold(width(&task.name, NAME_SIZE), f64::max);
            let height = LINE * (1 + task.notes.len()) as f64 + PADDING;
            layout.add(What::Box(index), row, widest + 2.0 * PADDING, height);
        }
        for arrow in picture.arrows.iter().filter(|arrow| arrow.from != arrow.to) {
            layout.link(arrow.from, arrow.to, &arrow.results);
        }
        let finally: Vec<usize> = picture.part(Part::Finally).map(|(index, _)| index).collect();
        let gate = (!finally.is_empty()).then(|| layout.add(What::Gate, gate_row, 0.0, 0.0));
        if let Some(gate) = gate {
            picture.last().for_each(|last| layout.link(last, gate, &[]));
        }
        // Not lines, but what holds the gate above its boxes.
        let hold: Vec<(usize, usize)> = gate.iter().flat_map(|gate| finally.iter().map(|below| (*gate, *below))).collect();

        let neighbours = Neighbours::of(&layout, &hold);
        let mut order = layout.order(&neighbours);
        layout.place(&mut order, &neighbours);
        layout.stack(&order);
        layout.spread();
        let span =
            |(left, right): (f64, f64), cell: &Cell| (left.min(cell.x - cell.width / 2.0), right.max(cell.x + cell.width / 2.0));
        layout.finally = gate.map(|gate| {
            let (left, right) = finally.iter().map(|index| &layout.cells[*index]).fold((f64::MAX, f64::MIN), span);
            Frame {
                left: left - FINALLY_PADDING - FINALLY_WIDTH,
                right: right + FINALLY_PADDING,
                top: layout.cells[gate].y,
                bottom: layout.bottom + FINALLY_PADDING,
                middle: layout.cells[finally[0]].y,
            }
        });
        layout
    }

    fn add(&mut self, what: What, row: usize, width: f64, height: f64) -> usize {
        self.cells.push(Cell { what, row, x: 0.0, y: 0.0, width, height });
        self.cells.len() - 1
    }

    fn link(&mut self, from: usize, to: usize, results: &[String]) {
        let is_reversed = self.cells[from].row > self.cells[to].row;
        let (upper, lower) = if is_reversed { (to, from) } else { (from, to) };
        let (first, last) = (self.cells[upper].row + 1, self.cells[lower].row);
        let mut cells = vec![upper];
        for row in first..last {
            cells.push(if row == first && !results.is_empty() {
                let widest = results.iter().map(|result| width(result, NOTE_SIZE)).fold(0.0, f64::max);
                self.add(What::Label(results.to_vec()), row, widest, LINE * results.len() as f64)
            } else {
                self.add(What::Bend, row, 0.0, 0.0)
            });
        }
        cells.push(lower);
        self.links.push(Link { cells, is_order: results.is_empty(), is_reversed, start: 0.0, end: 0.0 });
    }

    /// The cells of each row from left to right.
    fn order(&self, neighbours: &Neighbours) -> Vec<Vec<usize>> {
        let count = self.cells.iter().map(|cell| cell.row + 1).max().unwrap_or_default();
        let mut order = vec![Vec::new(); count];
        for (id, cell) in self.cells.iter().enumerate() {
            order[cell.row].push(id);
        }
        let mut best = (neighbours.crossings(&order), order.clone());
        for round in 0..2 * ROUNDS {
            let down = round % 2 == 0;
            let near = if down { &neighbours.above } else { &neighbours.below };
            let rows: Vec<usize> = if down { (0..count).collect() } else { (0..count).rev().collect() };
            for row in rows {
                let places = places(self.cells.len(), &order);
                let mean = |id: &usize| match &near[*id][..] {
                    [] => places[*id],
                    near => near.iter().map(|other| places[*other]).sum::<f64>() / near.len() as f64,
                };
                order[row].sort_by(|a, b| mean(a).total_cmp(&mean(b)));
            }
            let crossings = neighbours.crossings(&order);
            if crossings < best.0 {
                best = (crossings, order.clone());
            }
        }
        best.1
    }

    /// From left to right: each cell as near to its neighbours in other rows as those in its own row allow.
    fn place(&mut self, order: &mut [Vec<usize>], neighbours: &Neighbours) {
        for round in 0..=2 * ROUNDS {
            let rows: Vec<usize> = if round % 2 == 0 { (0..order.len()).collect() } else { (0..order.len()).rev().collect() };
            for row in rows {
                let both = [&neighbours.above, &neighbours.below];
                let wish = |id: &usize| {
                    // Lines stay straight when their bends follow one side only.
                    let is_box = matches!(self.cells[*id].what, What::Box(_));
                    let sides = if is_box && round > ROUNDS { &both[..] } else { &both[round % 2..][..1] };
                    let near = sides.iter().flat_map(|side| &side[*id]);
                    let (sum, weight) = near.fold((0.0, 0.0), |(sum, weight), other| {
                        let pull = self.pull(*id) * self.pull(*other);
                        (sum + pull * self.cells[*other].x, weight + pull)
                    });
                    if weight == 0.0 { (self.cells[*id].x, 0.01) } else { (sum / weight, weight) }
                };
                let wishes: Vec<(f64, f64)> = order[row].iter().map(wish).collect();
                let mut offset = 0.0;
                let mut offsets = Vec::with_capacity(wishes.len());
                for (index, id) in order[row].iter().enumerate() {
                    let half = self.cells[*id].width / 2.0;
                    offset += if index == 0 { 0.0 } else { half + BESIDE };
                    offsets.push(offset);
                    offset += half;
                }
                let wishes = wishes.iter().zip(&offsets).map(|((x, weight), offset)| (x - offset, *weight));
                for ((id, x), offset) in order[row].iter().zip(ascending(wishes)).zip(&offsets) {
                    self.cells[*id].x = x + offset;
                }
            }
        }
    }

    /// Bends make lines crooked, so lines hold them more than boxes.
    fn pull(&self, id: usize) -> f64 {
        if matches!(self.cells[id].what, What::Box(_)) { 1.0 } else { 2.5 }
    }

    /// From top to bottom.
    fn stack(&mut self, order: &[Vec<usize>]) {
        let mut top = 0.0;
        for ids in order {
            let height = ids.iter().map(|id| self.cells[*id].height).fold(0.0, f64::max);
            ids.iter().for_each(|id| self.cells[*id].y = top + height / 2.0);
            self.rows.push((top, top + height));
            self.bottom = top + height;
            top += height + BETWEEN;
        }
    }

    /// Lines at one box do not start or end at one point.
    fn spread(&mut self) {
        for id in 0..self.cells.len() {
            let What::Box(_) = self.cells[id].what else { continue };
            for is_start in [true, false] {
                let mut ends: Vec<(f64, usize)> = Vec::new();
                for (index, link) in self.links.iter().enumerate() {
                    let (this, next) = if is_start {
                        (link.cells[0], link.cells[1])
                    } else {
                        (link.cells[link.cells.len() - 1], link.cells[link.cells.len() - 2])
                    };
                    if this == id {
                        ends.push((self.cells[next].x, index));
                    }
                }
                ends.sort_by(|a, b| a.0.total_cmp(&b.0));
                let step = PORTS.min(self.cells[id].width * 0.7 / ends.len() as f64);
                for (place, (_, index)) in ends.iter().enumerate() {
                    let from_middle = step * (place as f64 - (ends.len() as f64 - 1.0) / 2.0);
                    let link = &mut self.links[*index];
                    *(if is_start { &mut link.start } else { &mut link.end }) = from_middle;
                }
            }
        }
    }

    /// Where a line leaves the row of one of its cells.
    pub(super) fn leaving(&self, link: &Link, index: usize) -> (f64, f64) {
        let cell = &self.cells[link.cells[index]];
        (cell.x + if index == 0 { link.start } else { 0.0 }, self.rows[cell.row].1)
    }
}

/// For each cell those that lines lead to.
struct Neighbours {
    above: Vec<Vec<usize>>,
    below: Vec<Vec<usize>>,
}

impl Neighbours {
    fn of(layout: &Layout, hold: &[(usize, usize)]) -> Self {
        let none = vec![Vec::new(); layout.cells.len()];
        let mut neighbours = Neighbours { above: none.clone(), below: none };
        let steps = layout.links.iter().flat_map(|link| link.cells.windows(2).map(|pair| (pair[0], pair[1])));
        for (upper, lower) in steps.chain(hold.iter().copied()) {
            neighbours.above[lower].push(upper);
            neighbours.below[upper].push(lower);
        }
        neighbours
    }

    fn crossings(&self, order: &[Vec<usize>]) -> usize {
        let places = places(self.above.len(), order);
        let mut count = 0;
        for row in order {
            let lines: Vec<(f64, f64)> =
                row.iter().flat_map(|id| self.below[*id].iter().map(|below| (places[*id], places[*below]))).collect();
            for (index, a) in lines.iter().enumerate() {
                count += lines[index + 1..].iter().filter(|b| (a.0 - b.0) * (a.1 - b.1) < 0.0).count();
            }
        }
        count
    }
}

/// For each cell its place in its row.
fn places(cells: usize, order: &[Vec<usize>]) -> Vec<f64> {
    let mut places = vec![0.0; cells];
    for row in order {
        row.iter().enumerate().for_each(|(place, id)| places[*id] = place as f64);
    }
    places
}

/// How many tasks there are before each, along the longest way. In a cycle one arrow has to be against the order.
fn ranks(picture: &Picture) -> Vec<usize> {
    let mut ranks = vec![0; picture.boxes.len()];
    let mut left: Vec<usize> = (0..picture.boxes.len()).collect();
    while !left.is_empty() {
        let waits = |task: &usize| picture.arrows.iter().any(|arrow| arrow.to == *task && left.contains(&arrow.from));
        let next = left.remove(left.iter().position(|task| !waits(task)).unwrap_or_default());
        for arrow in picture.arrows.iter().filter(|arrow| arrow.from == next && left.contains(&arrow.to)) {
            ranks[arrow.to] = ranks[arrow.to].max(ranks[next] + 1);
        }
    }
    for (index, _) in picture.part(Part::Finally) {
        ranks[index] = 0;
    }
    ranks
}

/// The ascending numbers that are nearest to these, by their weights.
fn ascending(wishes: impl Iterator<Item = (f64, f64)>) -> Vec<f64> {
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    for (wish, weight) in wishes {
        let (mut mean, mut weight, mut count) = (wish, weight, 1);
        while let Some((before, heavy, many)) = blocks.pop_if(|block| block.0 > mean) {
            mean = (mean * weight + before * heavy) / (weight + heavy);
            (weight, count) = (weight + heavy, count + many);
        }
        blocks.push((mean, weight, count));
    }
    blocks.into_iter().flat_map(|(mean, _, count)| std::iter::repeat_n(mean, count)).collect()
}
