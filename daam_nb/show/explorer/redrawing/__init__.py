"""What if: the image drawn again without a word, or with more of it, beside the first.

change     what is changed, read and checked
door       the pipeline draws: the one place of the explorer that knows any, on demand
result     both images, their difference, numbers and words
"""
