# SPDX-License-Identifier: Apache-2.0

"""SHA-256 of the files of Heat that the overlay refines.

tools/digests.py writes this file. A file of Heat with one of these digests is
as tested, and need not be parsed.
"""

#: {module: the digests of its file in the published releases of Heat}
DIGESTS = {
    'heat.cmd.manage': frozenset((
        '71ac24eae18a75155e8a5c974adc9bdad2ae59db37c54ea81c8bd00e32fa0eca',
    )),
    'heat.cmd.status': frozenset((
        'c0dcd190c0ae1059946ee926f66a8cdb125ea7e4abfa5bb23f945792794958a9',
    )),
    'heat.engine.resource': frozenset((
        '19a16a9490f9b042b2276f0fc04a8f4d541a64a267ec7465d2b247d19a5416cd',
        '34f5122df4d2cdcd2883060a595ad64f9ac8a9beb7288a3bba82791b0559af95',
        '98b8d47fb7f7b622e470fbc6ce6b78380ce98c7b5ffeae53e27a67e08cefdd6a',
        'b60ed05fb0f4750fa262499861e8a630998de580d88222ca13afb0d42e4a6553',
    )),
    'heat.engine.service': frozenset((
        '0ebca0471638575c920f89763882797c19e7c8656107edfb0415cbb91c4a6493',
        '1309f7b5f3cebf4276257a0e5a32e0392518bf9d953e26e7ad95f7953952109a',
        '23fddd3845dc4614fe5647919cd545f1a0b475c7667eefc5b0dd01846a99899a',
        'abfd62e0e8ac870262ffb304efdbdcf66cff137a85ae6ee2f68b3b64d931a7e5',
        'caa16c05e174af14e86a33c1a316835f9fe4f01b028132bad46138124e24fb49',
    )),
    'heat.engine.stack': frozenset((
        '38da148813766739a1e5fac54511a6af4636b6742aaf3e79370003e1677db773',
        'b2c36c481f9d0e4eb5d5eb50c8d8d1b53f12d654b4b31a10b5d20d3783d3a018',
        'cb756d993bc11435a1fb7401e31aa69b3c6066a23f7834ab7b647e5ad2b1f645',
        'e339e18034ae4223a70d9b806da0440d3ae0a6f9e7bf27cdade0e2d834dfeb73',
        'ed2f91b55768b713ae6ecfcc736ea1c0c2b461b70a9860ddf5f273605d4648f9',
    )),
    'heat.engine.stack_lock': frozenset((
        '49e2c340eabc3478f3e6d741956f120fd488a123d09525d68295b1540a19f915',
        'd102be0e123ceee8137fa7674c1c7a8d031964f8bb85385c8a1e7c66a7552978',
    )),
    'heat.engine.worker': frozenset((
        '0ab7bcc0ac9108de1bc9881a47f23032cd293461f39f9b3f9d28d72519db05bf',
        '4e51a7cb72214655b6fea496f8d3e9fc5e28ac899402a648d6bd7d6ed447c962',
        'ca799913406bce317c04acf869df5ab7ffc4c50bcf9885b9dd415a6f3c9947ac',
    )),
    'heat.objects.stack': frozenset((
        '7e75300a505e2d3eaa507d267e8cac11d6e63c7be127005a482d28ff8e1480a1',
        'd90cdfdc15b212844f34475e79afb8aa446b515ee1d54119d8a3db3b153bf382',
    )),
}
