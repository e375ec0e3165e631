//! Calls that wait for their results.

use super::{Chunk, call};
use crate::model::trajectory::{Body, Call, Step};

/// A call without a result.
#[derive(Debug)]
pub(super) struct Open {
    /// `None` for one that is left out, whose result is as well.
    pub(super) call: Option<Call>,
    /// Its step in the current chunk; `None` once that was handed out.
    pub(super) slot: Option<usize>,
    /// Its raw input, as long as nobody has looked for its detail: most results of edits tell
    /// what was changed, and then nobody has to.
    pub(super) input: Option<Vec<u8>>,
}

impl Open {
    /// A call whose step was handed out before.
    pub(super) fn adopted(call: Option<Call>) -> Self {
        Self { call, slot: None, input: None }
    }

    /// Looks for the detail in the input that is held.
    pub(super) fn find_detail(&mut self, chunk: &mut Chunk) {
        if let (Some(input), Some(call)) = (self.input.take(), &mut self.call) {
            call.detail = call::detail(&call.tool, &input);
            if let Some(Step { body: Body::Call(step), .. }) = step_of(chunk, self.slot) {
                step.detail.clone_from(&call.detail);
            }
        }
    }
}

/// The step at `slot`.
pub(super) fn step_of(chunk: &mut Chunk, slot: Option<usize>) -> Option<&mut Step> {
    chunk.steps.get_mut(slot?).map(|(_, step)| step)
}
