"""From a zone file, its policy and its keys to an image: what control and ``dnsd check`` share.

pipeline               one zone, from file to image
builder, builders      builds in processes of their own; weight: which zones need one
policycheck            a policy against its zone; checkfaults, signedcheck, hints: parts of it
promises               whether pools keep the recovery time that they promise
policypools, poolmeta  the pools of a zone; signing, keys: signatures for each of their answers
images, stamps         image files, and what each was made from
contents               the RRsets of a zone, as versions that caches may hold
"""
