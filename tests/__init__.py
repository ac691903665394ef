"""Tests of Longtake: sentences about what it promises."""
