"""Pretrained weights that are not in timm's names: found in packages, read safely, converted.

package      the file of weights in an installed package, its version and licence
tensors      the tensors of a file, without running code from it
key_map      which of them is which tensor of a timm network
convert      a safetensors file in timm's names, which says where it comes from
sentence     what is told of weights: source, licence, digest, how names were matched
"""
