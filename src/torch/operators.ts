/**
 * The operators of libtorch that riverrun exports, by handle. Generated from native/operators.def by
 * `npm run generate:operators`: change the list, not this file. An operator that writes into its argument returns
 * nothing.
 */
import { type Handle, native } from "./native.ts";

/** Every exported operator in the order of its index. */
export const operatorNames: readonly string[] = [
  "aten::_foreach_add_.List",
  "aten::_foreach_add_.Scalar",
  "aten::_foreach_copy_",
  "aten::_foreach_lerp_.Scalar",
  "aten::_foreach_mul_.Scalar",
  "aten::_foreach_mul_.Tensor",
  "aten::_foreach_norm.Scalar",
  "aten::_foreach_zero_",
  "aten::_fused_adam_",
  "aten::_fused_adamw_",
  "aten::_fused_sgd_",
  "aten::_local_scalar_dense",
  "aten::_pack_padded_sequence",
  "aten::_pad_packed_sequence",
  "aten::_to_copy",
  "aten::abs",
  "aten::add.Scalar",
  "aten::add.Tensor",
  "aten::add_.Scalar",
  "aten::add_.Tensor",
  "aten::addcdiv_",
  "aten::addcmul",
  "aten::addcmul_",
  "aten::addmm",
  "aten::all",
  "aten::all.dim",
  "aten::amax",
  "aten::amin",
  "aten::any",
  "aten::any.dim",
  "aten::arange.start_step",
  "aten::argmax",
  "aten::argmin",
  "aten::argsort",
  "aten::baddbmm",
  "aten::bernoulli.p",
  "aten::bmm",
  "aten::broadcast_to",
  "aten::cat",
  "aten::chunk",
  "aten::clamp",
  "aten::clone",
  "aten::constant_pad_nd",
  "aten::contiguous",
  "aten::copy_",
  "aten::cos",
  "aten::cross_entropy_loss",
  "aten::cumsum",
  "aten::detach",
  "aten::diag_embed",
  "aten::diagonal",
  "aten::div.Scalar",
  "aten::div.Tensor",
  "aten::div_.Scalar",
  "aten::div_.Tensor",
  "aten::embedding",
  "aten::empty.memory_format",
  "aten::empty_like",
  "aten::eq.Scalar",
  "aten::eq.Tensor",
  "aten::equal",
  "aten::erf",
  "aten::exp",
  "aten::expand",
  "aten::expm1",
  "aten::eye.m",
  "aten::fill_.Scalar",
  "aten::flatten.using_ints",
  "aten::flip",
  "aten::floor",
  "aten::full",
  "aten::full_like",
  "aten::gather",
  "aten::ge.Scalar",
  "aten::ge.Tensor",
  "aten::gelu",
  "aten::gt.Scalar",
  "aten::gt.Tensor",
  "aten::index.Tensor",
  "aten::index_select",
  "aten::isfinite",
  "aten::isnan",
  "aten::layer_norm",
  "aten::le.Scalar",
  "aten::le.Tensor",
  "aten::lerp_.Scalar",
  "aten::linalg_inv",
  "aten::linalg_lu",
  "aten::linalg_qr",
  "aten::linalg_slogdet",
  "aten::linalg_solve_triangular",
  "aten::linalg_vector_norm",
  "aten::linear",
  "aten::linspace",
  "aten::log",
  "aten::log1p",
  "aten::log_sigmoid",
  "aten::log_softmax.int",
  "aten::logaddexp",
  "aten::logical_and",
  "aten::logical_not",
  "aten::logical_or",
  "aten::logsumexp",
  "aten::lstm.data",
  "aten::lstm.input",
  "aten::lt.Scalar",
  "aten::lt.Tensor",
  "aten::masked_fill.Scalar",
  "aten::masked_fill_.Scalar",
  "aten::matmul",
  "aten::max.dim",
  "aten::maximum",
  "aten::mean",
  "aten::mean.dim",
  "aten::min.dim",
  "aten::minimum",
  "aten::mm",
  "aten::mul.Scalar",
  "aten::mul.Tensor",
  "aten::mul_.Scalar",
  "aten::mul_.Tensor",
  "aten::multinomial",
  "aten::narrow",
  "aten::native_layer_norm",
  "aten::ne.Scalar",
  "aten::ne.Tensor",
  "aten::neg",
  "aten::normal_",
  "aten::ones",
  "aten::permute",
  "aten::pow.Tensor_Scalar",
  "aten::rand.generator",
  "aten::randint.low_generator",
  "aten::randn.generator",
  "aten::randperm.generator",
  "aten::reciprocal",
  "aten::relu",
  "aten::repeat",
  "aten::reshape",
  "aten::round",
  "aten::rsqrt",
  "aten::scaled_dot_product_attention",
  "aten::scatter.src",
  "aten::scatter_add",
  "aten::searchsorted.Tensor",
  "aten::select.int",
  "aten::sigmoid",
  "aten::sign",
  "aten::silu",
  "aten::sin",
  "aten::slice.Tensor",
  "aten::softmax.int",
  "aten::softplus",
  "aten::sort",
  "aten::split.Tensor",
  "aten::split_with_sizes",
  "aten::sqrt",
  "aten::square",
  "aten::squeeze.dim",
  "aten::stack",
  "aten::std.correction",
  "aten::sub.Scalar",
  "aten::sub.Tensor",
  "aten::sub_.Tensor",
  "aten::sum",
  "aten::sum.dim_IntList",
  "aten::tanh",
  "aten::topk",
  "aten::transpose.int",
  "aten::tril",
  "aten::triu",
  "aten::unbind.int",
  "aten::uniform_",
  "aten::unsqueeze",
  "aten::var.correction",
  "aten::view",
  "aten::where.self",
  "aten::zero_",
  "aten::zeros",
  "riverrun::affine_coupling",
  "riverrun::bias_gelu",
  "riverrun::bias_residual",
  "riverrun::scale_shift",
  "riverrun::coupling_split",
  "riverrun::lu_product",
  "riverrun::scales_log_det",
  "riverrun::time_map",
  "riverrun::time_map_parts",
  "riverrun::bf16_products",
  "riverrun::transformer_block",
  "riverrun::transformer_step",
  "riverrun::mixture_encode",
  "riverrun::mixture_decode",
  "riverrun::draw",
];

/** `aten::_foreach_add_.List(Tensor(a!)[] self, Tensor[] other, *, Scalar alpha=1) -> ()` */
export function _foreach_add__List(self: readonly Handle[], other: readonly Handle[], alpha?: number | boolean): void {
  native.callInPlace(0, self, other, alpha);
}

/** `aten::_foreach_add_.Scalar(Tensor(a!)[] self, Scalar scalar) -> ()` */
export function _foreach_add__Scalar(self: readonly Handle[], scalar: number | boolean): void {
  native.callInPlace(1, self, scalar);
}

/** `aten::_foreach_copy_(Tensor(a!)[] self, Tensor[] src, bool non_blocking=False) -> ()` */
export function _foreach_copy_(self: readonly Handle[], src: readonly Handle[], non_blocking?: boolean): void {
  native.callInPlace(2, self, src, non_blocking);
}

/** `aten::_foreach_lerp_.Scalar(Tensor(a!)[] self, Tensor[] tensors1, Scalar weight) -> ()` */
export function _foreach_lerp__Scalar(
  self: readonly Handle[],
  tensors1: readonly Handle[],
  weight: number | boolean,
): void {
  native.callInPlace(3, self, tensors1, weight);
}

/** `aten::_foreach_mul_.Scalar(Tensor(a!)[] self, Scalar scalar) -> ()` */
export function _foreach_mul__Scalar(self: readonly Handle[], scalar: number | boolean): void {
  native.callInPlace(4, self, scalar);
}

/** `aten::_foreach_mul_.Tensor(Tensor(a!)[] self, Tensor other) -> ()` */
export function _foreach_mul__Tensor(self: readonly Handle[], other: Handle): void {
  native.callInPlace(5, self, other);
}

/** `aten::_foreach_norm.Scalar(Tensor[] self, Scalar ord=2, ScalarType? dtype=None) -> Tensor[]` */
export function _foreach_norm_Scalar(self: readonly Handle[], ord?: number | boolean, dtype?: number | null): Handle[] {
  return native.call(6, self, ord, dtype) as Handle[];
}

/** `aten::_foreach_zero_(Tensor(a!)[] self) -> ()` */
export function _foreach_zero_(self: readonly Handle[]): void {
  native.callInPlace(7, self);
}

/** `aten::_fused_adam_(Tensor(a!)[] self, Tensor(b!)[] grads, Tensor(c!)[] exp_avgs, Tensor(d!)[] exp_avg_sqs, Tensor(e!)[] max_exp_avg_sqs, Tensor[] state_steps, *, float lr, float beta1, float beta2, float weight_decay, float eps, bool amsgrad, bool maximize, Tensor? grad_scale=None, Tensor? found_inf=None) -> ()` */
export function _fused_adam_(
  self: readonly Handle[],
  grads: readonly Handle[],
  exp_avgs: readonly Handle[],
  exp_avg_sqs: readonly Handle[],
  max_exp_avg_sqs: readonly Handle[],
  state_steps: readonly Handle[],
  lr: number,
  beta1: number,
  beta2: number,
  weight_decay: number,
  eps: number,
  amsgrad: boolean,
  maximize: boolean,
  grad_scale?: Handle | null,
  found_inf?: Handle | null,
): void {
  native.callInPlace(
    8,
    self,
    grads,
    exp_avgs,
    exp_avg_sqs,
    max_exp_avg_sqs,
    state_steps,
    lr,
    beta1,
    beta2,
    weight_decay,
    eps,
    amsgrad,
    maximize,
    grad_scale,
    found_inf,
  );
}

/** `aten::_fused_adamw_(Tensor(a!)[] self, Tensor(b!)[] grads, Tensor(c!)[] exp_avgs, Tensor(d!)[] exp_avg_sqs, Tensor(e!)[] max_exp_avg_sqs, Tensor[] state_steps, *, float lr, float beta1, float beta2, float weight_decay, float eps, bool amsgrad, bool maximize, Tensor? grad_scale=None, Tensor? found_inf=None) -> ()` */
export function _fused_adamw_(
  self: readonly Handle[],
  grads: readonly Handle[],
  exp_avgs: readonly Handle[],
  exp_avg_sqs: readonly Handle[],
  max_exp_avg_sqs: readonly Handle[],
  state_steps: readonly Handle[],
  lr: number,
  beta1: number,
  beta2: number,
  weight_decay: number,
  eps: number,
  amsgrad: boolean,
  maximize: boolean,
  grad_scale?: Handle | null,
  found_inf?: Handle | null,
): void {
  native.callInPlace(
    9,
    self,
    grads,
    exp_avgs,
    exp_avg_sqs,
    max_exp_avg_sqs,
    state_steps,
    lr,
    beta1,
    beta2,
    weight_decay,
    eps,
    amsgrad,
    maximize,
    grad_scale,
    found_inf,
  );
}

/** `aten::_fused_sgd_(Tensor(a!)[] self, Tensor(b!)[] grads, Tensor(c!)[] momentum_buffer_list, *, float weight_decay, float momentum, float lr, float dampening, bool nesterov, bool maximize, bool is_first_step, Tensor? grad_scale=None, Tensor? found_inf=None) -> ()` */
export function _fused_sgd_(
  self: readonly Handle[],
  grads: readonly Handle[],
  momentum_buffer_list: readonly Handle[],
  weight_decay: number,
  momentum: number,
  lr: number,
  dampening: number,
  nesterov: boolean,
  maximize: boolean,
  is_first_step: boolean,
  grad_scale?: Handle | null,
  found_inf?: Handle | null,
): void {
  native.callInPlace(
    10,
    self,
    grads,
    momentum_buffer_list,
    weight_decay,
    momentum,
    lr,
    dampening,
    nesterov,
    maximize,
    is_first_step,
    grad_scale,
    found_inf,
  );
}

/** `aten::_local_scalar_dense(Tensor self) -> Scalar` */
export function _local_scalar_dense(self: Handle): number {
  return native.call(11, self) as number;
}

/** `aten::_pack_padded_sequence(Tensor input, Tensor lengths, bool batch_first) -> (Tensor, Tensor)` */
export function _pack_padded_sequence(input: Handle, lengths: Handle, batch_first: boolean): [Handle, Handle] {
  return native.call(12, input, lengths, batch_first) as [Handle, Handle];
}

/** `aten::_pad_packed_sequence(Tensor data, Tensor batch_sizes, bool batch_first, Scalar padding_value, int total_length) -> (Tensor, Tensor)` */
export function _pad_packed_sequence(
  data: Handle,
  batch_sizes: Handle,
  batch_first: boolean,
  padding_value: number | boolean,
  total_length: number,
): [Handle, Handle] {
  return native.call(13, data, batch_sizes, batch_first, padding_value, total_length) as [Handle, Handle];
}

/** `aten::_to_copy(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool non_blocking=False, MemoryFormat? memory_format=None) -> Tensor` */
export function _to_copy(
  self: Handle,
  dtype?: number | null,
  layout?: number | null,
  device?: string | null,
  pin_memory?: boolean | null,
  non_blocking?: boolean,
  memory_format?: number | null,
): Handle {
  return native.call(14, self, dtype, layout, device, pin_memory, non_blocking, memory_format) as Handle;
}

/** `aten::abs(Tensor self) -> Tensor` */
export function abs(self: Handle): Handle {
  return native.call(15, self) as Handle;
}

/** `aten::add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor` */
export function add_Scalar(self: Handle, other: number | boolean, alpha?: number | boolean): Handle {
  return native.call(16, self, other, alpha) as Handle;
}

/** `aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor` */
export function add_Tensor(self: Handle, other: Handle, alpha?: number | boolean): Handle {
  return native.call(17, self, other, alpha) as Handle;
}

/** `aten::add_.Scalar(Tensor(a!) self, Scalar other, Scalar alpha=1) -> Tensor(a!)` */
export function add__Scalar(self: Handle, other: number | boolean, alpha?: number | boolean): void {
  native.callInPlace(18, self, other, alpha);
}

/** `aten::add_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)` */
export function add__Tensor(self: Handle, other: Handle, alpha?: number | boolean): void {
  native.callInPlace(19, self, other, alpha);
}

/** `aten::addcdiv_(Tensor(a!) self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor(a!)` */
export function addcdiv_(self: Handle, tensor1: Handle, tensor2: Handle, value?: number | boolean): void {
  native.callInPlace(20, self, tensor1, tensor2, value);
}

/** `aten::addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor` */
export function addcmul(self: Handle, tensor1: Handle, tensor2: Handle, value?: number | boolean): Handle {
  return native.call(21, self, tensor1, tensor2, value) as Handle;
}

/** `aten::addcmul_(Tensor(a!) self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor(a!)` */
export function addcmul_(self: Handle, tensor1: Handle, tensor2: Handle, value?: number | boolean): void {
  native.callInPlace(22, self, tensor1, tensor2, value);
}

/** `aten::addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
export function addmm(
  self: Handle,
  mat1: Handle,
  mat2: Handle,
  beta?: number | boolean,
  alpha?: number | boolean,
): Handle {
  return native.call(23, self, mat1, mat2, beta, alpha) as Handle;
}

/** `aten::all(Tensor self) -> Tensor` */
export function all(self: Handle): Handle {
  return native.call(24, self) as Handle;
}

/** `aten::all.dim(Tensor self, int dim, bool keepdim=False) -> Tensor` */
export function all_dim(self: Handle, dim: number, keepdim?: boolean): Handle {
  return native.call(25, self, dim, keepdim) as Handle;
}

/** `aten::amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor` */
export function amax(self: Handle, dim?: number | readonly number[], keepdim?: boolean): Handle {
  return native.call(26, self, dim, keepdim) as Handle;
}

/** `aten::amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor` */
export function amin(self: Handle, dim?: number | readonly number[], keepdim?: boolean): Handle {
  return native.call(27, self, dim, keepdim) as Handle;
}

/** `aten::any(Tensor self) -> Tensor` */
export function any(self: Handle): Handle {
  return native.call(28, self) as Handle;
}

/** `aten::any.dim(Tensor self, int dim, bool keepdim=False) -> Tensor` */
export function any_dim(self: Handle, dim: number, keepdim?: boolean): Handle {
  return native.call(29, self, dim, keepdim) as Handle;
}

/** `aten::arange.start_step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function arange_start_step(
  start: number | boolean,
  end: number | boolean,
  step?: number | boolean,
  dtype?: number | null,
  layout?: number | null,
  device?: string | null,
  pin_memory?: boolean | null,
): Handle {
  return native.call(30, start, end, step, dtype, layout, device, pin_memory) as Handle;
}

/** `aten::argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor` */
export function argmax(self: Handle, dim?: number | null, keepdim?: boolean): Handle {
  return native.call(31, self, dim, keepdim) as Handle;
}

/** `aten::argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor` */
export function argmin(self: Handle, dim?: number | null, keepdim?: boolean): Handle {
  return native.call(32, self, dim, keepdim) as Handle;
}

/** `aten::argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor` */
export function argsort(self: Handle, dim?: number, descending?: boolean): Handle {
  return native.call(33, self, dim, descending) as Handle;
}

/** `aten::baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
export function baddbmm(
  self: Handle,
  batch1: Handle,
  batch2: Handle,
  beta?: number | boolean,
  alpha?: number | boolean,
): Handle {
  return native.call(34, self, batch1, batch2, beta, alpha) as Handle;
}

/** `aten::bernoulli.p(Tensor self, float p, *, Generator? generator=None) -> Tensor` */
export function bernoulli_p(self: Handle, p: number, generator?: Handle | null): Handle {
  return native.call(35, self, p, generator) as Handle;
}

/** `aten::bmm(Tensor self, Tensor mat2) -> Tensor` */
export function bmm(self: Handle, mat2: Handle): Handle {
  return native.call(36, self, mat2) as Handle;
}

/** `aten::broadcast_to(Tensor(a) self, SymInt[] size) -> Tensor(a)` */
export function broadcast_to(self: Handle, size: number | readonly number[]): Handle {
  return native.call(37, self, size) as Handle;
}

/** `aten::cat(Tensor[] tensors, int dim=0) -> Tensor` */
export function cat(tensors: readonly Handle[], dim?: number): Handle {
  return native.call(38, tensors, dim) as Handle;
}

/** `aten::chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]` */
export function chunk(self: Handle, chunks: number, dim?: number): Handle[] {
  return native.call(39, self, chunks, dim) as Handle[];
}

/** `aten::clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor` */
export function clamp(self: Handle, min?: number | boolean | null, max?: number | boolean | null): Handle {
  return native.call(40, self, min, max) as Handle;
}

/** `aten::clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor` */
export function clone(self: Handle, memory_format?: number | null): Handle {
  return native.call(41, self, memory_format) as Handle;
}

/** `aten::constant_pad_nd(Tensor self, SymInt[] pad, Scalar value=0) -> Tensor` */
export function constant_pad_nd(self: Handle, pad: number | readonly number[], value?: number | boolean): Handle {
  return native.call(42, self, pad, value) as Handle;
}

/** `aten::contiguous(Tensor(a) self, *, MemoryFormat memory_format=0) -> Tensor(a)` */
export function contiguous(self: Handle, memory_format?: number): Handle {
  return native.call(43, self, memory_format) as Handle;
}

/** `aten::copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)` */
export function copy_(self: Handle, src: Handle, non_blocking?: boolean): void {
  native.callInPlace(44, self, src, non_blocking);
}

/** `aten::cos(Tensor self) -> Tensor` */
export function cos(self: Handle): Handle {
  return native.call(45, self) as Handle;
}

/** `aten::cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100, float label_smoothing=0.) -> Tensor` */
export function cross_entropy_loss(
  self: Handle,
  target: Handle,
  weight?: Handle | null,
  reduction?: number,
  ignore_index?: number,
  label_smoothing?: number,
): Handle {
  return native.call(46, self, target, weight, reduction, ignore_index, label_smoothing) as Handle;
}

/** `aten::cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor` */
export function cumsum(self: Handle, dim: number, dtype?: number | null): Handle {
  return native.call(47, self, dim, dtype) as Handle;
}

/** `aten::detach(Tensor(a) self) -> Tensor(a)` */
export function detach(self: Handle): Handle {
  return native.call(48, self) as Handle;
}

/** `aten::diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor` */
export function diag_embed(self: Handle, offset?: number, dim1?: number, dim2?: number): Handle {
  return native.call(49, self, offset, dim1, dim2) as Handle;
}

/** `aten::diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)` */
export function diagonal(self: Handle, offset?: number, dim1?: number, dim2?: number): Handle {
  return native.call(50, self, offset, dim1, dim2) as Handle;
}

/** `aten::div.Scalar(Tensor self, Scalar other) -> Tensor` */
export function div_Scalar(self: Handle, other: number | boolean): Handle {
  return native.call(51, self, other) as Handle;
}

/** `aten::div.Tensor(Tensor self, Tensor other) -> Tensor` */
export function div_Tensor(self: Handle, other: Handle): Handle {
  return native.call(52, self, other) as Handle;
}

/** `aten::div_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
export function div__Scalar(self: Handle, other: number | boolean): void {
  native.callInPlace(53, self, other);
}

/** `aten::div_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
export function div__Tensor(self: Handle, other: Handle): void {
  native.callInPlace(54, self, other);
}

/** `aten::embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor` */
export function embedding(
  weight: Handle,
  indices: Handle,
  padding_idx?: number,
  scale_grad_by_freq?: boolean,
  sparse?: boolean,
): Handle {
  return native.call(55, weight, indices, padding_idx, scale_grad_by_freq, sparse) as Handle;
}

/** `aten::empty.memory_format(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
export function empty_memory_format(
  size: number | readonly number[],
  dtype?: number | null,
  layout?: number | null,
  device?: string | null,
  pin_memory?: boolean | null,
  memory_format?: number | null,
): Handle {
  return native.call(56, size, dtype, layout, device, pin_memory, memory_format) as Handle;
}

/** `aten::empty_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
export function empty_like(
  self: Handle,
  dtype?: number | null,
  layout?: number | null,
  device?: string | null,
  pin_memory?: boolean | null,
  memory_format?: number | null,
): Handle {
  return native.call(57, self, dtype, layout, device, pin_memory, memory_format) as Handle;
}

/** `aten::eq.Scalar(Tensor self, Scalar other) -> Tensor` */
export function eq_Scalar(self: Handle, other: number | boolean): Handle {
  return native.call(58, self, other) as Handle;
}

/** `aten::eq.Tensor(Tensor self, Tensor other) -> Tensor` */
export function eq_Tensor(self: Handle, other: Handle): Handle {
  return native.call(59, self, other) as Handle;
}

/** `aten::equal(Tensor self, Tensor other) -> bool` */
export function equal(self: Handle, other: Handle): boolean {
  return native.call(60, self, other) as boolean;
}

/** `aten::erf(Tensor self) -> Tensor` */
export function erf(self: Handle): Handle {
  return native.call(61, self) as Handle;
}

/** `aten::exp(Tensor self) -> Tensor` */
export function exp(self: Handle): Handle {
  return native.call(62, self) as Handle;
}

/** `aten::expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)` */
export function expand(self: Handle, size: number | readonly number[], implicit?: boolean): Handle {
  return native.call(63, self, size, implicit) as Handle;
}

/** `aten::expm1(Tensor self) -> Tensor` */
export function expm1(self: Handle): Handle {
  return native.call(64, self) as Handle;
}

/** `aten::eye.m(SymInt n, SymInt m, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function eye_m(
  n: number,
  m: number,
  dtype?: number | null,
  layout?: number | null,
  device?: string | null,
  pin_memory?: boolean | null,
): Handle {
  return native.call(65, n, m, dtype, layout, device, pin_memory) as Handle;
}

/** `aten::fill_.Scalar(Tensor(a!) self, Scalar value) -> Tensor(a!)` */
export function fill__Scalar(self: Handle, value: number | boolean): void {
  native.callInPlace(66, self, value);
}

/** `aten::flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)` */
export function flatten_using_ints(self: Handle, start_dim?: number, end_dim?: number): Handle {
  return native.call(67, self, start_dim, end_dim) as Handle;
}

/** `aten::flip(Tensor self, int[] dims) -> Tensor` */
export function flip(self: Handle, dims: number | readonly number[]): Handle {
  return native.call(68, self, dims) as Handle;
}

/** `aten::floor(Tensor self) -> Tensor` */
export function floor(self: Handle): Handle {
  return native.call(69, self) as Handle;
}

/** `aten::full(SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function full(
  size: number | readonly number[],
  fill_value: number | boolean,
  dtype?: number | null,
  layout?: number | null,
  device?: string | null,
  pin_memory?: boolean | null,
): Handle {
  return native.call(70, size, fill_value, dtype, layout, device, pin_memory) as Handle;
}

/** `aten::full_like(Tensor self, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
export function full_like(
  self: Handle,
  fill_value: number | boolean,
  dtype?: number | null,
  layout?: number | null,
  device?: string | null,
  pin_memory?: boolean | null,
  memory_format?: number | null,
): Handle {
  return native.call(71, self, fill_value, dtype, layout, device, pin_memory, memory_format) as Handle;
}

/** `aten::gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor` */
export function gather(self: Handle, dim: number, index: Handle, sparse_grad?: boolean): Handle {
  return native.call(72, self, dim, index, sparse_grad) as Handle;
}

/** `aten::ge.Scalar(Tensor self, Scalar other) -> Tensor` */
export function ge_Scalar(self: Handle, other: number | boolean): Handle {
  return native.call(73, self, other) as Handle;
}

/** `aten::ge.Tensor(Tensor self, Tensor other) -> Tensor` */
export function ge_Tensor(self: Handle, other: Handle): Handle {
  return native.call(74, self, other) as Handle;
}

/** `aten::gelu(Tensor self, *, str approximate="none") -> Tensor` */
export function gelu(self: Handle, approximate?: string): Handle {
  return native.call(75, self, approximate) as Handle;
}

/** `aten::gt.Scalar(Tensor self, Scalar other) -> Tensor` */
export function gt_Scalar(self: Handle, other: number | boolean): Handle {
  return native.call(76, self, other) as Handle;
}

/** `aten::gt.Tensor(Tensor self, Tensor other) -> Tensor` */
export function gt_Tensor(self: Handle, other: Handle): Handle {
  return native.call(77, self, other) as Handle;
}

/** `aten::index.Tensor(Tensor self, Tensor?[] indices) -> Tensor` */
export function index_Tensor(self: Handle, indices: readonly (Handle | null)[]): Handle {
  return native.call(78, self, indices) as Handle;
}

/** `aten::index_select(Tensor self, int dim, Tensor index) -> Tensor` */
export function index_select(self: Handle, dim: number, index: Handle): Handle {
  return native.call(79, self, dim, index) as Handle;
}

/** `aten::isfinite(Tensor self) -> Tensor` */
export function isfinite(self: Handle): Handle {
  return native.call(80, self) as Handle;
}

/** `aten::isnan(Tensor self) -> Tensor` */
export function isnan(self: Handle): Handle {
  return native.call(81, self) as Handle;
}

/** `aten::layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor` */
export function layer_norm(
  input: Handle,
  normalized_shape: number | readonly number[],
  weight?: Handle | null,
  bias?: Handle | null,
  eps?: number,
  cudnn_enable?: boolean,
): Handle {
  return native.call(82, input, normalized_shape, weight, bias, eps, cudnn_enable) as Handle;
}

/** `aten::le.Scalar(Tensor self, Scalar other) -> Tensor` */
export function le_Scalar(self: Handle, other: number | boolean): Handle {
  return native.call(83, self, other) as Handle;
}

/** `aten::le.Tensor(Tensor self, Tensor other) -> Tensor` */
export function le_Tensor(self: Handle, other: Handle): Handle {
  return native.call(84, self, other) as Handle;
}

/** `aten::lerp_.Scalar(Tensor(a!) self, Tensor end, Scalar weight) -> Tensor(a!)` */
export function lerp__Scalar(self: Handle, end: Handle, weight: number | boolean): void {
  native.callInPlace(85, self, end, weight);
}

/** `aten::linalg_inv(Tensor A) -> Tensor` */
export function linalg_inv(A: Handle): Handle {
  return native.call(86, A) as Handle;
}

/** `aten::linalg_lu(Tensor A, *, bool pivot=True) -> (Tensor P, Tensor L, Tensor U)` */
export function linalg_lu(A: Handle, pivot?: boolean): [Handle, Handle, Handle] {
  return native.call(87, A, pivot) as [Handle, Handle, Handle];
}

/** `aten::linalg_qr(Tensor A, str mode="reduced") -> (Tensor Q, Tensor R)` */
export function linalg_qr(A: Handle, mode?: string): [Handle, Handle] {
  return native.call(88, A, mode) as [Handle, Handle];
}

/** `aten::linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet)` */
export function linalg_slogdet(A: Handle): [Handle, Handle] {
  return native.call(89, A) as [Handle, Handle];
}

/** `aten::linalg_solve_triangular(Tensor self, Tensor B, *, bool upper, bool left=True, bool unitriangular=False) -> Tensor` */
export function linalg_solve_triangular(
  self: Handle,
  B: Handle,
  upper: boolean,
  left?: boolean,
  unitriangular?: boolean,
): Handle {
  return native.call(90, self, B, upper, left, unitriangular) as Handle;
}

/** `aten::linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
export function linalg_vector_norm(
  self: Handle,
  ord?: number | boolean,
  dim?: number | readonly number[] | null,
  keepdim?: boolean,
  dtype?: number | null,
): Handle {
  return native.call(91, self, ord, dim, keepdim, dtype) as Handle;
}

/** `aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor` */
export function linear(input: Handle, weight: Handle, bias?: Handle | null): Handle {
  return native.call(92, input, weight, bias) as Handle;
}

/** `aten::linspace(Scalar start, Scalar end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function linspace(
  start: number | boolean,
  end: number | boolean,
  steps: number,
  dtype?: number | null,
  layout?: number | null,
  device?: string | null,
  pin_memory?: boolean | null,
): Handle {
  return native.call(93, start, end, steps, dtype, layout, device, pin_memory) as Handle;
}

/** `aten::log(Tensor self) -> Tensor` */
export function log(self: Handle): Handle {
  return native.call(94, self) as Handle;
}

/** `aten::log1p(Tensor self) -> Tensor` */
export function log1p(self: Handle): Handle {
  return native.call(95, self) as Handle;
}

/** `aten::log_sigmoid(Tensor self) -> Tensor` */
export function log_sigmoid(self: Handle): Handle {
  return native.call(96, self) as Handle;
}

/** `aten::log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor` */
export function log_softmax_int(self: Handle, dim: number, dtype?: number | null): Handle {
  return native.call(97, self, dim, dtype) as Handle;
}

/** `aten::logaddexp(Tensor self, Tensor other) -> Tensor` */
export function logaddexp(self: Handle, other: Handle): Handle {
  return native.call(98, self, other) as Handle;
}

/** `aten::logical_and(Tensor self, Tensor other) -> Tensor` */
export function logical_and(self: Handle, other: Handle): Handle {
  return native.call(99, self, other) as Handle;
}

/** `aten::logical_not(Tensor self) -> Tensor` */
export function logical_not(self: Handle): Handle {
  return native.call(100, self) as Handle;
}

/** `aten::logical_or(Tensor self, Tensor other) -> Tensor` */
export function logical_or(self: Handle, other: Handle): Handle {
  return native.call(101, self, other) as Handle;
}

/** `aten::logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor` */
export function logsumexp(self: Handle, dim: number | readonly number[], keepdim?: boolean): Handle {
  return native.call(102, self, dim, keepdim) as Handle;
}

/** `aten::lstm.data(Tensor data, Tensor batch_sizes, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor, Tensor)` */
export function lstm_data(
  data: Handle,
  batch_sizes: Handle,
  hx: readonly Handle[],
  params: readonly Handle[],
  has_biases: boolean,
  num_layers: number,
  dropout: number,
  train: boolean,
  bidirectional: boolean,
): [Handle, Handle, Handle] {
  return native.call(103, data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional) as [
    Handle,
    Handle,
    Handle,
  ];
}

/** `aten::lstm.input(Tensor input, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor, Tensor)` */
export function lstm_input(
  input: Handle,
  hx: readonly Handle[],
  params: readonly Handle[],
  has_biases: boolean,
  num_layers: number,
  dropout: number,
  train: boolean,
  bidirectional: boolean,
  batch_first: boolean,
): [Handle, Handle, Handle] {
  return native.call(104, input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first) as [
    Handle,
    Handle,
    Handle,
  ];
}

/** `aten::lt.Scalar(Tensor self, Scalar other) -> Tensor` */
export function lt_Scalar(self: Handle, other: number | boolean): Handle {
  return native.call(105, self, other) as Handle;
}

/** `aten::lt.Tensor(Tensor self, Tensor other) -> Tensor` */
export function lt_Tensor(self: Handle, other: Handle): Handle {
  return native.call(106, self, other) as Handle;
}

/** `aten::masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor` */
export function masked_fill_Scalar(self: Handle, mask: Handle, value: number | boolean): Handle {
  return native.call(107, self, mask, value) as Handle;
}

/** `aten::masked_fill_.Scalar(Tensor(a!) self, Tensor mask, Scalar value) -> Tensor(a!)` */
export function masked_fill__Scalar(self: Handle, mask: Handle, value: number | boolean): void {
  native.callInPlace(108, self, mask, value);
}

/** `aten::matmul(Tensor self, Tensor other) -> Tensor` */
export function matmul(self: Handle, other: Handle): Handle {
  return native.call(109, self, other) as Handle;
}

/** `aten::max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)` */
export function max_dim(self: Handle, dim: number, keepdim?: boolean): [Handle, Handle] {
  return native.call(110, self, dim, keepdim) as [Handle, Handle];
}

/** `aten::maximum(Tensor self, Tensor other) -> Tensor` */
export function maximum(self: Handle, other: Handle): Handle {
  return native.call(111, self, other) as Handle;
}

/** `aten::mean(Tensor self, *, ScalarType? dtype=None) -> Tensor` */
export function mean(self: Handle, dtype?: number | null): Handle {
  return native.call(112, self, dtype) as Handle;
}

/** `aten::mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
export function mean_dim(
  self: Handle,
  dim?: number | readonly number[] | null,
  keepdim?: boolean,
  dtype?: number | null,
): Handle {
  return native.call(113, self, dim, keepdim, dtype) as Handle;
}

/** `aten::min.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)` */
export function min_dim(self: Handle, dim: number, keepdim?: boolean): [Handle, Handle] {
  return native.call(114, self, dim, keepdim) as [Handle, Handle];
}

/** `aten::minimum(Tensor self, Tensor other) -> Tensor` */
export function minimum(self: Handle, other: Handle): Handle {
  return native.call(115, self, other) as Handle;
}

/** `aten::mm(Tensor self, Tensor mat2) -> Tensor` */
export function mm(self: Handle, mat2: Handle): Handle {
  return native.call(116, self, mat2) as Handle;
}

/** `aten::mul.Scalar(Tensor self, Scalar other) -> Tensor` */
export function mul_Scalar(self: Handle, other: number | boolean): Handle {
  return native.call(117, self, other) as Handle;
}

/** `aten::mul.Tensor(Tensor self, Tensor other) -> Tensor` */
export function mul_Tensor(self: Handle, other: Handle): Handle {
  return native.call(118, self, other) as Handle;
}

/** `aten::mul_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
export function mul__Scalar(self: Handle, other: number | boolean): void {
  native.callInPlace(119, self, other);
}

/** `aten::mul_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
export function mul__Tensor(self: Handle, other: Handle): void {
  native.callInPlace(120, self, other);
}

/** `aten::multinomial(Tensor self, SymInt num_samples, bool replacement=False, *, Generator? generator=None) -> Tensor` */
export function multinomial(
  self: Handle,
  num_samples: number,
  replacement?: boolean,
  generator?: Handle | null,
): Handle {
  return native.call(121, self, num_samples, replacement, generator) as Handle;
}

/** `aten::narrow(Tensor(a) self, int dim, SymInt start, SymInt length) -> Tensor(a)` */
export function narrow(self: Handle, dim: number, start: number, length: number): Handle {
  return native.call(122, self, dim, start, length) as Handle;
}

/** `aten::native_layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight, Tensor? bias, float eps) -> (Tensor, Tensor, Tensor)` */
export function native_layer_norm(
  input: Handle,
  normalized_shape: number | readonly number[],
  weight: Handle | null | undefined,
  bias: Handle | null | undefined,
  eps: number,
): [Handle, Handle, Handle] {
  return native.call(123, input, normalized_shape, weight, bias, eps) as [Handle, Handle, Handle];
}

/** `aten::ne.Scalar(Tensor self, Scalar other) -> Tensor` */
export function ne_Scalar(self: Handle, other: number | boolean): Handle {
  return native.call(124, self, other) as Handle;
}

/** `aten::ne.Tensor(Tensor self, Tensor other) -> Tensor` */
export function ne_Tensor(self: Handle, other: Handle): Handle {
  return native.call(125, self, other) as Handle;
}

/** `aten::neg(Tensor self) -> Tensor` */
export function neg(self: Handle): Handle {
  return native.call(126, self) as Handle;
}

/** `aten::normal_(Tensor(a!) self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor(a!)` */
export function normal_(self: Handle, mean?: number, std?: number, generator?: Handle | null): void {
  native.callInPlace(127, self, mean, std, generator);
}

/** `aten::ones(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function ones(
  size: number | readonly number[],
  dtype?: number | null,
  layout?: number | null,
  device?: string | null,
  pin_memory?: boolean | null,
): Handle {
  return native.call(128, size, dtype, layout, device, pin_memory) as Handle;
}

/** `aten::permute(Tensor(a) self, int[] dims) -> Tensor(a)` */
export function permute(self: Handle, dims: number | readonly number[]): Handle {
  return native.call(129, self, dims) as Handle;
}

/** `aten::pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor` */
export function pow_Tensor_Scalar(self: Handle, exponent: number | boolean): Handle {
  return native.call(130, self, exponent) as Handle;
}

/** `aten::rand.generator(SymInt[] size, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function rand_generator(
  size: number | readonly number[],
  generator?: Handle | null,
  dtype?: number | null,
  layout?: number | null,
  device?: string | null,
  pin_memory?: boolean | null,
): Handle {
  return native.call(131, size, generator, dtype, layout, device, pin_memory) as Handle;
}

/** `aten::randint.low_generator(SymInt low, SymInt high, SymInt[] size, *, Generator? generator, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function randint_low_generator(
  low: number,
  high: number,
  size: number | readonly number[],
  generator?: Handle | null,
  dtype?: number | null,
  layout?: number | null,
  device?: string | null,
  pin_memory?: boolean | null,
): Handle {
  return native.call(132, low, high, size, generator, dtype, layout, device, pin_memory) as Handle;
}

/** `aten::randn.generator(SymInt[] size, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function randn_generator(
  size: number | readonly number[],
  generator?: Handle | null,
  dtype?: number | null,
  layout?: number | null,
  device?: string | null,
  pin_memory?: boolean | null,
): Handle {
  return native.call(133, size, generator, dtype, layout, device, pin_memory) as Handle;
}

/** `aten::randperm.generator(SymInt n, *, Generator? generator, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function randperm_generator(
  n: number,
  generator?: Handle | null,
  dtype?: number | null,
  layout?: number | null,
  device?: string | null,
  pin_memory?: boolean | null,
): Handle {
  return native.call(134, n, generator, dtype, layout, device, pin_memory) as Handle;
}

/** `aten::reciprocal(Tensor self) -> Tensor` */
export function reciprocal(self: Handle): Handle {
  return native.call(135, self) as Handle;
}

/** `aten::relu(Tensor self) -> Tensor` */
export function relu(self: Handle): Handle {
  return native.call(136, self) as Handle;
}

/** `aten::repeat(Tensor self, SymInt[] repeats) -> Tensor` */
export function repeat(self: Handle, repeats: number | readonly number[]): Handle {
  return native.call(137, self, repeats) as Handle;
}

/** `aten::reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)` */
export function reshape(self: Handle, shape: number | readonly number[]): Handle {
  return native.call(138, self, shape) as Handle;
}

/** `aten::round(Tensor self) -> Tensor` */
export function round(self: Handle): Handle {
  return native.call(139, self) as Handle;
}

/** `aten::rsqrt(Tensor self) -> Tensor` */
export function rsqrt(self: Handle): Handle {
  return native.call(140, self) as Handle;
}

/** `aten::scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0., bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor` */
export function scaled_dot_product_attention(
  query: Handle,
  key: Handle,
  value: Handle,
  attn_mask?: Handle | null,
  dropout_p?: number,
  is_causal?: boolean,
  scale?: number | null,
  enable_gqa?: boolean,
): Handle {
  return native.call(141, query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa) as Handle;
}

/** `aten::scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor` */
export function scatter_src(self: Handle, dim: number, index: Handle, src: Handle): Handle {
  return native.call(142, self, dim, index, src) as Handle;
}

/** `aten::scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor` */
export function scatter_add(self: Handle, dim: number, index: Handle, src: Handle): Handle {
  return native.call(143, self, dim, index, src) as Handle;
}

/** `aten::searchsorted.Tensor(Tensor sorted_sequence, Tensor self, *, bool out_int32=False, bool right=False, str? side=None, Tensor? sorter=None) -> Tensor` */
export function searchsorted_Tensor(
  sorted_sequence: Handle,
  self: Handle,
  out_int32?: boolean,
  right?: boolean,
  side?: string | null,
  sorter?: Handle | null,
): Handle {
  return native.call(144, sorted_sequence, self, out_int32, right, side, sorter) as Handle;
}

/** `aten::select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)` */
export function select_int(self: Handle, dim: number, index: number): Handle {
  return native.call(145, self, dim, index) as Handle;
}

/** `aten::sigmoid(Tensor self) -> Tensor` */
export function sigmoid(self: Handle): Handle {
  return native.call(146, self) as Handle;
}

/** `aten::sign(Tensor self) -> Tensor` */
export function sign(self: Handle): Handle {
  return native.call(147, self) as Handle;
}

/** `aten::silu(Tensor self) -> Tensor` */
export function silu(self: Handle): Handle {
  return native.call(148, self) as Handle;
}

/** `aten::sin(Tensor self) -> Tensor` */
export function sin(self: Handle): Handle {
  return native.call(149, self) as Handle;
}

/** `aten::slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)` */
export function slice_Tensor(
  self: Handle,
  dim?: number,
  start?: number | null,
  end?: number | null,
  step?: number,
): Handle {
  return native.call(150, self, dim, start, end, step) as Handle;
}

/** `aten::softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor` */
export function softmax_int(self: Handle, dim: number, dtype?: number | null): Handle {
  return native.call(151, self, dim, dtype) as Handle;
}

/** `aten::softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor` */
export function softplus(self: Handle, beta?: number | boolean, threshold?: number | boolean): Handle {
  return native.call(152, self, beta, threshold) as Handle;
}

/** `aten::sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)` */
export function sort(self: Handle, dim?: number, descending?: boolean): [Handle, Handle] {
  return native.call(153, self, dim, descending) as [Handle, Handle];
}

/** `aten::split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]` */
export function split_Tensor(self: Handle, split_size: number, dim?: number): Handle[] {
  return native.call(154, self, split_size, dim) as Handle[];
}

/** `aten::split_with_sizes(Tensor(a -> *) self, SymInt[] split_sizes, int dim=0) -> Tensor(a)[]` */
export function split_with_sizes(self: Handle, split_sizes: number | readonly number[], dim?: number): Handle[] {
  return native.call(155, self, split_sizes, dim) as Handle[];
}

/** `aten::sqrt(Tensor self) -> Tensor` */
export function sqrt(self: Handle): Handle {
  return native.call(156, self) as Handle;
}

/** `aten::square(Tensor self) -> Tensor` */
export function square(self: Handle): Handle {
  return native.call(157, self) as Handle;
}

/** `aten::squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)` */
export function squeeze_dim(self: Handle, dim: number): Handle {
  return native.call(158, self, dim) as Handle;
}

/** `aten::stack(Tensor[] tensors, int dim=0) -> Tensor` */
export function stack(tensors: readonly Handle[], dim?: number): Handle {
  return native.call(159, tensors, dim) as Handle;
}

/** `aten::std.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor` */
export function std_correction(
  self: Handle,
  dim?: number | readonly number[] | null,
  correction?: number | boolean | null,
  keepdim?: boolean,
): Handle {
  return native.call(160, self, dim, correction, keepdim) as Handle;
}

/** `aten::sub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor` */
export function sub_Scalar(self: Handle, other: number | boolean, alpha?: number | boolean): Handle {
  return native.call(161, self, other, alpha) as Handle;
}

/** `aten::sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor` */
export function sub_Tensor(self: Handle, other: Handle, alpha?: number | boolean): Handle {
  return native.call(162, self, other, alpha) as Handle;
}

/** `aten::sub_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)` */
export function sub__Tensor(self: Handle, other: Handle, alpha?: number | boolean): void {
  native.callInPlace(163, self, other, alpha);
}

/** `aten::sum(Tensor self, *, ScalarType? dtype=None) -> Tensor` */
export function sum(self: Handle, dtype?: number | null): Handle {
  return native.call(164, self, dtype) as Handle;
}

/** `aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
export function sum_dim_IntList(
  self: Handle,
  dim?: number | readonly number[] | null,
  keepdim?: boolean,
  dtype?: number | null,
): Handle {
  return native.call(165, self, dim, keepdim, dtype) as Handle;
}

/** `aten::tanh(Tensor self) -> Tensor` */
export function tanh(self: Handle): Handle {
  return native.call(166, self) as Handle;
}

/** `aten::topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)` */
export function topk(self: Handle, k: number, dim?: number, largest?: boolean, sorted?: boolean): [Handle, Handle] {
  return native.call(167, self, k, dim, largest, sorted) as [Handle, Handle];
}

/** `aten::transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)` */
export function transpose_int(self: Handle, dim0: number, dim1: number): Handle {
  return native.call(168, self, dim0, dim1) as Handle;
}

/** `aten::tril(Tensor self, SymInt diagonal=0) -> Tensor` */
export function tril(self: Handle, diagonal?: number): Handle {
  return native.call(169, self, diagonal) as Handle;
}

/** `aten::triu(Tensor self, SymInt diagonal=0) -> Tensor` */
export function triu(self: Handle, diagonal?: number): Handle {
  return native.call(170, self, diagonal) as Handle;
}

/** `aten::unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]` */
export function unbind_int(self: Handle, dim?: number): Handle[] {
  return native.call(171, self, dim) as Handle[];
}

/** `aten::uniform_(Tensor(a!) self, float from=0., float to=1., *, Generator? generator=None) -> Tensor(a!)` */
export function uniform_(self: Handle, from?: number, to?: number, generator?: Handle | null): void {
  native.callInPlace(172, self, from, to, generator);
}

/** `aten::unsqueeze(Tensor(a) self, int dim) -> Tensor(a)` */
export function unsqueeze(self: Handle, dim: number): Handle {
  return native.call(173, self, dim) as Handle;
}

/** `aten::var.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor` */
export function var_correction(
  self: Handle,
  dim?: number | readonly number[] | null,
  correction?: number | boolean | null,
  keepdim?: boolean,
): Handle {
  return native.call(174, self, dim, correction, keepdim) as Handle;
}

/** `aten::view(Tensor(a) self, SymInt[] size) -> Tensor(a)` */
export function view(self: Handle, size: number | readonly number[]): Handle {
  return native.call(175, self, size) as Handle;
}

/** `aten::where.self(Tensor condition, Tensor self, Tensor other) -> Tensor` */
export function where_self(condition: Handle, self: Handle, other: Handle): Handle {
  return native.call(176, condition, self, other) as Handle;
}

/** `aten::zero_(Tensor(a!) self) -> Tensor(a!)` */
export function zero_(self: Handle): void {
  native.callInPlace(177, self);
}

/** `aten::zeros(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
export function zeros(
  size: number | readonly number[],
  dtype?: number | null,
  layout?: number | null,
  device?: string | null,
  pin_memory?: boolean | null,
): Handle {
  return native.call(178, size, dtype, layout, device, pin_memory) as Handle;
}

/** `riverrun::affine_coupling(Tensor seen, Tensor changed, Tensor network, Tensor? bias, Tensor? gain, int[] counts, int[] place, int map, float bound, bool inverse) -> (Tensor, Tensor)` */
export function affine_coupling(
  seen: Handle,
  changed: Handle,
  network: Handle,
  bias: Handle | null | undefined,
  gain: Handle | null | undefined,
  counts: number | readonly number[],
  place: number | readonly number[],
  map: number,
  bound: number,
  inverse: boolean,
): [Handle, Handle] {
  return native.call(179, seen, changed, network, bias, gain, counts, place, map, bound, inverse) as [Handle, Handle];
}

/** `riverrun::bias_gelu(Tensor h, Tensor bias) -> Tensor` */
export function bias_gelu(h: Handle, bias: Handle): Handle {
  return native.call(180, h, bias) as Handle;
}

/** `riverrun::bias_residual(Tensor x, Tensor h, Tensor bias) -> Tensor` */
export function bias_residual(x: Handle, h: Handle, bias: Handle): Handle {
  return native.call(181, x, h, bias) as Handle;
}

/** `riverrun::scale_shift(Tensor x, Tensor scale, Tensor shift, int[] counts) -> Tensor` */
export function scale_shift(x: Handle, scale: Handle, shift: Handle, counts: number | readonly number[]): Handle {
  return native.call(182, x, scale, shift, counts) as Handle;
}

/** `riverrun::coupling_split(Tensor x, int[] place, int changed, int width) -> (Tensor, Tensor)` */
export function coupling_split(
  x: Handle,
  place: number | readonly number[],
  changed: number,
  width: number,
): [Handle, Handle] {
  return native.call(183, x, place, changed, width) as [Handle, Handle];
}

/** `riverrun::lu_product(Tensor lower, Tensor upper, Tensor diagonal, Tensor? order=None) -> Tensor` */
export function lu_product(lower: Handle, upper: Handle, diagonal: Handle, order?: Handle | null): Handle {
  return native.call(184, lower, upper, diagonal, order) as Handle;
}

/** `riverrun::scales_log_det(Tensor scales, int[] counts, bool logarithms) -> Tensor` */
export function scales_log_det(scales: Handle, counts: number | readonly number[], logarithms: boolean): Handle {
  return native.call(185, scales, counts, logarithms) as Handle;
}

/** `riverrun::time_map(Tensor w, Tensor x) -> Tensor` */
export function time_map(w: Handle, x: Handle): Handle {
  return native.call(186, w, x) as Handle;
}

/** `riverrun::time_map_parts(Tensor x, Tensor scale, Tensor bias, Tensor w, int[] counts, int[] place, int changed) -> (Tensor, Tensor)` */
export function time_map_parts(
  x: Handle,
  scale: Handle,
  bias: Handle,
  w: Handle,
  counts: number | readonly number[],
  place: number | readonly number[],
  changed: number,
): [Handle, Handle] {
  return native.call(187, x, scale, bias, w, counts, place, changed) as [Handle, Handle];
}

/** `riverrun::bf16_products() -> bool` */
export function bf16_products(): boolean {
  return native.call(188) as boolean;
}

/** `riverrun::transformer_block(Tensor x, Tensor[] weights, Tensor? head, Tensor? drop1, Tensor? drop2, int[] counts, int heads, bool causal, float epsilon, float factor, bool bf16=False, bool recomputes=False) -> Tensor` */
export function transformer_block(
  x: Handle,
  weights: readonly Handle[],
  head: Handle | null | undefined,
  drop1: Handle | null | undefined,
  drop2: Handle | null | undefined,
  counts: number | readonly number[],
  heads: number,
  causal: boolean,
  epsilon: number,
  factor: number,
  bf16?: boolean,
  recomputes?: boolean,
): Handle {
  return native.call(
    189,
    x,
    weights,
    head,
    drop1,
    drop2,
    counts,
    heads,
    causal,
    epsilon,
    factor,
    bf16,
    recomputes,
  ) as Handle;
}

/** `riverrun::transformer_step(Tensor x, Tensor[] weights, Tensor(a!) keys, Tensor(b!) values, int position, float epsilon, float factor) -> Tensor` */
export function transformer_step(
  x: Handle,
  weights: readonly Handle[],
  keys: Handle,
  values: Handle,
  position: number,
  epsilon: number,
  factor: number,
): Handle {
  return native.call(190, x, weights, keys, values, position, epsilon, factor) as Handle;
}

/** `riverrun::mixture_encode(Tensor x, Tensor log_pi, Tensor means, float sigma) -> (Tensor, Tensor)` */
export function mixture_encode(x: Handle, log_pi: Handle, means: Handle, sigma: number): [Handle, Handle] {
  return native.call(191, x, log_pi, means, sigma) as [Handle, Handle];
}

/** `riverrun::mixture_decode(Tensor y, Tensor log_pi, Tensor means, float sigma) -> (Tensor, Tensor)` */
export function mixture_decode(y: Handle, log_pi: Handle, means: Handle, sigma: number): [Handle, Handle] {
  return native.call(192, y, log_pi, means, sigma) as [Handle, Handle];
}

/** `riverrun::draw(Tensor logits, float[] uniforms, float temperature) -> Tensor` */
export function draw(logits: Handle, uniforms: readonly number[], temperature: number): Handle {
  return native.call(193, logits, uniforms, temperature) as Handle;
}
