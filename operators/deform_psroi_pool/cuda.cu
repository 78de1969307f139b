// SPDX-License-Identifier: Apache-2.0
#include "../core/contract/c_api.h"
#include "../core/cuda/runtime/arena.h"
#include "../core/cuda/runtime/device_kernels.h"
#include "contract.h"
#include "cuda_bodies.h"

namespace acn::cuda {
namespace {

using namespace deform_psroi;

// Pieces of the workspace: one after the other, for moves are done with before the table is made.
template <class S>
struct MovesScratch {
  Compute<S>* moves;
  MovesScratch(const RoiShape& s, int64_t rois, Arena* arena)
      : moves(arena->take<Compute<S>>(rois * s.output_dim * s.bins() * 2)) {}
  // As many RoIs at a time as fit the bound.
  static int64_t rois_at_once(const RoiShape& s) {
    const int64_t each = s.output_dim * s.bins() * 2 * static_cast<int64_t>(sizeof(Compute<S>));
    return std::clamp<int64_t>(acn_workspace_bytes() / each, 1, std::max<int64_t>(s.rois, 1));
  }
};
template <class S>
struct TableScratch {
  int32_t* images;
  DeformPsroiBin<S>* bins;
  TableScratch(const RoiShape& s, Arena* arena)
      : images(arena->take<int32_t>(s.rois)), bins(arena->take<DeformPsroiBin<S>>(s.rois * s.classes * s.bins())) {}
};

class DeformPsroiKernels : public DeviceKernels {
 public:
  int64_t workspace_bytes(const Operator& any, const std::vector<Tensor>& inputs, bool backward,
                          bool deterministic) const override {
    const DeformablePSROIPooling& op = static_cast<const DeformablePSROIPooling&>(any);
    const RoiShape s = op.shape_of(inputs);
    int64_t bytes = 0;
    if (!backward) return bytes;
    dispatch_storage(inputs[0].dtype, [&](auto zero) {
      using S = decltype(zero);
      Arena moves, table;
      if (!op.roi().no_trans) MovesScratch<S>(s, MovesScratch<S>::rois_at_once(s), &moves);
      if (deterministic || sizeof(S) == 2) TableScratch<S>(s, &table);
      bytes = std::max(moves.used(), table.used());
    });
    return bytes;
  }

  void forward(const Operator& any, const std::vector<Tensor>& inputs, Req req, const Tensor& output,
               const Run& run) const override {
    const DeformablePSROIPooling& op = static_cast<const DeformablePSROIPooling&>(any);
    dispatch_storage(output.dtype, [&](auto zero) {
      using S = decltype(zero);
      const DeformPsroiGeometry<S> g = geometry<S>(op, inputs);
      launch(run.stream, g.s.rois, g.s.output_dim * g.s.bins(),
             DeformPsroiForward<S>{g, inputs[0].as<S>(), req, output.as<S>(), run.bad_value});
    });
  }

  void backward(const Operator& any, const Tensor& output_grad, const std::vector<Tensor>& inputs,
                const std::vector<Req>& reqs, const std::vector<Tensor>& input_grads, const Run& run) const override {
    const DeformablePSROIPooling& op = static_cast<const DeformablePSROIPooling&>(any);
    dispatch_storage(output_grad.dtype, [&](auto zero) {
      using S = decltype(zero);
      const DeformPsroiGeometry<S> g = geometry<S>(op, inputs);
      const S* head = output_grad.as<S>();
      store_no_rois_gradient(run.stream, g.s, reqs[1], input_grads[1].as<S>());
      if (!op.roi().no_trans && reqs[2] != Req::kNull) {
        trans_gradient(g, head, inputs[0].as<S>(), reqs[2], input_grads[2].as<S>(), run);
      }
      if (reqs[0] != Req::kNull) data_gradient(g, head, reqs[0], input_grads[0].as<S>(), run);
    });
  }

  const char* bad_value() const override { return kBadImage; }

 private:
  template <class S>
  static DeformPsroiGeometry<S> geometry(const DeformablePSROIPooling& op, const std::vector<Tensor>& inputs) {
    using T = Compute<S>;
    const DeformPsroiAttributes& a = op.roi();
    return {op.shape_of(inputs),
            inputs[1].as<S>(),
            a.no_trans ? nullptr : inputs[2].as<S>(),
            a.template scale<T>(),
            a.template std<T>(),
            static_cast<int32_t>(a.parts()),
            static_cast<int32_t>(a.sample_per_part)};
  }

  template <class S>
  static void trans_gradient(const DeformPsroiGeometry<S>& g, const S* head, const S* data, Req req, S* trans_grad,
                             const Run& run) {
    const int64_t most = MovesScratch<S>::rois_at_once(g.s);
    Arena arena(run.workspace, run.workspace_bytes);
    const MovesScratch<S> scratch(g.s, most, &arena);
    for (int64_t first = 0; first < g.s.rois; first += most) {
      const int64_t rois = std::min(most, g.s.rois - first);
      launch(run.stream, rois, g.s.output_dim * g.s.bins(),
             DeformPsroiMoves<S>{g, data, head, first, scratch.moves, run.bad_value});
      launch(run.stream, rois, g.s.classes * 2 * g.parts * g.parts,
             StoreTrans<S>{g, scratch.moves, first, req, trans_grad});
    }
  }

  template <class S>
  static void data_gradient(const DeformPsroiGeometry<S>& g, const S* head, Req req, S* data_grad, const Run& run) {
    const RoiShape& s = g.s;
    if constexpr (sizeof(S) >= 4) {
      if (!run.deterministic) {
        if (req == Req::kWrite) {
          fill_zero(run.stream, data_grad, s.batch * s.channels() * s.pixels() * static_cast<int64_t>(sizeof(S)));
        }
        launch(run.stream, s.rois, s.output_dim * s.bins(), DeformPsroiScatter<S>{g, head, data_grad, run.bad_value});
        return;
      }
    }
    // Half types are summed in float32, which the gathering threads do anyway.
    Arena arena(run.workspace, run.workspace_bytes);
    const TableScratch<S> table(s, &arena);
    launch(run.stream, s.rois, s.classes * s.bins(),
           FillDeformPsroiTable<S>{g, table.images, table.bins, run.bad_value});
    launch(run.stream, s.batch * s.channels(), s.pixels(),
           DeformPsroiGather<S>{g, table.images, table.bins, head, req, data_grad});
  }
};

const AnnounceKernels<DeformPsroiKernels> kAnnounce{DeformablePSROIPooling::kName};

}  // namespace
}  // namespace acn::cuda
