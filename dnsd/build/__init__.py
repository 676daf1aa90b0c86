"""From a zone file, its policy and its keys to an image: what control and ``dnsd check`` share.

pipeline               one zone, from file to image
builder, builders      builds in processes of their own, and who runs them; weight: which need one
policycheck            a policy against its zone; checkfaults, signedcheck, hints: parts of it
promises               whether pools keep the recovery time that they promise
pools, signing, keys   the pools of a zone, and signatures for each of their answers
images, stamps         image files, and what each was made from
contents               what a zone has, as versions of RRsets that caches may hold
"""
